/**
 * What a promise comes to, waited for again and again, for a time each. However often, the promise gets one reaction: each `then` and each
 * race on it would be kept until it settles.
 */
export class Outcome<T> {
  #settled: { readonly value: T } | { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(promise: Promise<T>) {
    const settle = (settled: { readonly value: T } | { readonly error: unknown }): void => {
      this.#settled = settled;
      this.#wake?.();
    };
    promise.then(
      (value) => settle({ value }),
      (error: unknown) => settle({ error }),
    );
  }

  /** Its value, or `undefined` where it has none within `ms`, or when the signal aborts before. Throws what the promise rejected with. One wait at a time. */
  async within(ms: number, signal?: AbortSignal): Promise<T | undefined> {
    if (this.#settled === null && ms > 0 && signal?.aborted !== true) await this.#settledWithin(ms, signal);
    if (this.#settled === null) return undefined;
    if ("error" in this.#settled) throw this.#settled.error;
    return this.#settled.value;
  }

  async #settledWithin(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const aborted = (): void => resolve();
    signal?.addEventListener("abort", aborted, { once: true });
    this.#wake = resolve;
    await promise;
    this.#wake = null;
    signal?.removeEventListener("abort", aborted);
    clearTimeout(timer);
  }
}
