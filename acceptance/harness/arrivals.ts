/** Waits for what a client keeps as it comes; several tests may wait at once. */
export class Arrivals {
  #isOver = false;
  #broken: Error | null = null;
  #wake: (() => void)[] = [];

  /** Something came. */
  tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Something came that may not come: whoever waits, now or later, is told. */
  break(error: unknown): void {
    this.#broken ??= error instanceof Error ? error : new Error(String(error));
    this.tell();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#isOver = true;
    this.tell();
  }

  /** What `ask` finds, now or after something came; throws with the words of `missed` when that is not to be. */
  async until<T>(ask: () => T | undefined, timeoutMs: number, missed: () => string): Promise<T> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      if (this.#broken !== null) throw this.#broken;
      const found = ask();
      if (found !== undefined) return found;
      const left = until - performance.now();
      if (left <= 0 || this.#isOver) throw new Error(missed());
      await new Promise<void>((done) => {
        const timer = setTimeout(done, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }
}
