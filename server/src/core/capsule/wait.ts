/** Resolves when `work` has settled or `ms` have passed, whichever is first; the work goes on. A failure of the work is not this wait's. */
export function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    work.then(done, done);
  });
}

/** The work's outcome, or a rejection as soon as `signal` aborts; the work then goes on for whoever else awaits it. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(new Error("given up: the capsule is being ended"));
    if (signal.aborted) {
      work.catch(() => {});
      return aborted();
    }
    signal.addEventListener("abort", aborted, { once: true });
    const settle = (): void => signal.removeEventListener("abort", aborted);
    work.then(resolve, reject).finally(settle);
  });
}
