/** Rung by whoever has news, heard by one who waits for some. Rings that nobody waits for are one ring, which the next wait hears. */
export class Bell {
  #isRung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Whether it has been rung since it was last heard, or is within `ms`. One wait at a time. */
  async heard(ms: number): Promise<boolean> {
    if (!this.#isRung && ms > 0) await this.#rungWithin(ms);
    const isRung = this.#isRung;
    this.#isRung = false;
    return isRung;
  }

  async #rungWithin(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    this.#wake = null;
    clearTimeout(timer);
  }
}
