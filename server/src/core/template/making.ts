/** Templates that this server is making right now: upkeep leaves them alone. */
export class MakingTemplates {
  readonly #acts = new Map<string, Promise<unknown>>();

  async run<T>(id: string, act: () => Promise<T>): Promise<T> {
    const underWay = act();
    this.#acts.set(id, underWay);
    try {
      return await underWay;
    } finally {
      this.#acts.delete(id);
    }
  }

  has(id: string): boolean {
    return this.#acts.has(id);
  }

  /** Resolves when none is being made any more. */
  async settled(): Promise<void> {
    while (this.#acts.size > 0) await Promise.allSettled(this.#acts.values());
  }
}
