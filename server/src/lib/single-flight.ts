/** Joins concurrent calls under one key: the first one runs, the others get its outcome, and nothing is kept afterwards. */
export interface SingleFlight<T> {
  run(key: string, work: () => Promise<T>): Promise<T>;
  /** Keys with work under way. */
  readonly size: number;
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>();
  return {
    run(key, work) {
      const joined = flights.get(key);
      if (joined !== undefined) return joined;
      // The async wrapper turns a synchronous throw of `work` into a rejection, so that a key is never left behind.
      const flight = (async () => work())().finally(() => flights.delete(key));
      flights.set(key, flight);
      return flight;
    },
    get size() {
      return flights.size;
    },
  };
}
