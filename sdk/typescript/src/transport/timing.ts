/** Resolves after so many milliseconds; rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    if (signal?.aborted === true) {
      failed(reasonOf(signal));
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      failed(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      done();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** What a signal was aborted with, as something that can be thrown. */
export function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException("This operation was aborted", "AbortError");
}

/** Throws what a signal was aborted with, where it was. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw reasonOf(signal);
}

/** Half of the time by chance, so that many clients do not come back at one moment. */
export function backoffMs(attempt: number, maxMs = 2_000): number {
  const ms = Math.min(maxMs, 50 * 2 ** attempt);
  return ms / 2 + (Math.random() * ms) / 2;
}
