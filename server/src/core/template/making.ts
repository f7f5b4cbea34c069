/** Templates that this server is making right now: upkeep leaves them alone. */
export class MakingTemplates {
  readonly #ids = new Set<string>();

  async run<T>(id: string, act: () => Promise<T>): Promise<T> {
    this.#ids.add(id);
    try {
      return await act();
    } finally {
      this.#ids.delete(id);
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
