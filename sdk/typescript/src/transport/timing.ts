/** The longest that a timer of the runtimes waits; what is longer they do at once. */
const TIMER_MS_MAX = 2_147_483_647;

/** Does something once, after so many milliseconds; gives back how to leave it undone. More than 24 days are never. */
export function after(ms: number, act: () => void): () => void {
  if (ms > TIMER_MS_MAX) return () => {};
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
}

/** Resolves after so many milliseconds, 24 days at most; rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    if (signal?.aborted === true) {
      failed(reasonOf(signal));
      return;
    }
    const abort = (): void => {
      quiet();
      failed(reasonOf(signal));
    };
    const quiet = after(Math.min(ms, TIMER_MS_MAX), () => {
      signal?.removeEventListener("abort", abort);
      done();
    });
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
