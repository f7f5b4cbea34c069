/** A map of at most `entriesMax` entries; the least recently used one makes room. */
export interface BoundedCache<V> {
  /** Counts as a use. */
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  /** Least recently used first. */
  entries(): IterableIterator<[string, V]>;
  readonly size: number;
}

export function createBoundedCache<V>(options: { readonly entriesMax: number }): BoundedCache<V> {
  // A Map keeps the order of insertion, so taking out and putting back makes an entry the youngest.
  const map = new Map<string, V>();
  let youngest: string | undefined;
  return {
    get(key) {
      const value = map.get(key);
      // Mostly the one that was used before: each move costs the map a place, and now and then a table.
      if (value === undefined || key === youngest) return value;
      map.delete(key);
      map.set(key, value);
      youngest = key;
      return value;
    },
    set(key, value) {
      map.delete(key);
      map.set(key, value);
      youngest = key;
      if (map.size > options.entriesMax) {
        const oldest = map.keys().next();
        if (oldest.done !== true) map.delete(oldest.value);
      }
    },
    delete(key) {
      map.delete(key);
      if (key === youngest) youngest = undefined;
    },
    entries() {
      return map.entries();
    },
    get size() {
      return map.size;
    },
  };
}
