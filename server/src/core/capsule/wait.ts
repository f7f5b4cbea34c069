/** Resolves when `work` has settled or `ms` have passed, whichever is first; the work goes on. A failure of the work is not this wait's. */
export function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  return outcomeWithin(
    work.catch(() => {}),
    ms,
  );
}

/** As `settledWithin`, but a failure within the time is thrown; a later one is nobody's. */
export async function outcomeWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  work.catch(() => {});
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
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

/** Resolves after `ms`, and rejects as soon as `signal` aborts. */
export async function pausedFor(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await unlessAborted(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
