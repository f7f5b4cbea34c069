/** More callers wait for one key than the lock allows. */
export class LockQueueFullError extends Error {
  override readonly name = "LockQueueFullError";
}

/** Runs work under one key one at a time, in the order of the calls; different keys do not wait for each other. */
export interface KeyedLock {
  /** Rejects with `LockQueueFullError` when `waitersMax` callers wait for the key already. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Keys that are held. */
  readonly size: number;
}

export function createKeyedLock(options: { readonly waitersMax: number }): KeyedLock {
  /** Waiters of each held key; a key without an entry is free. */
  const queues = new Map<string, (() => void)[]>();

  function take(key: string): Promise<void> | undefined {
    const queue = queues.get(key);
    if (queue === undefined) {
      queues.set(key, []);
      return undefined;
    }
    if (queue.length >= options.waitersMax) {
      return Promise.reject(new LockQueueFullError(`${options.waitersMax} callers wait for ${key} already`));
    }
    return new Promise((resolve) => queue.push(resolve));
  }

  function release(key: string): void {
    const next = queues.get(key)?.shift();
    if (next === undefined) queues.delete(key);
    else next();
  }

  return {
    async run(key, work) {
      await take(key);
      try {
        return await work();
      } finally {
        release(key);
      }
    },
    get size() {
      return queues.size;
    },
  };
}
