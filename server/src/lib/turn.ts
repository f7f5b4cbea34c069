/**
 * Work of which one turn is under way at a time; whoever asks meanwhile joins that turn. When its promise is settled, the turn is over for
 * whoever looks: it is forgotten by the same promise that callers wait for, even where the work never waited for anything.
 */
export class Turn<T = void> {
  #current: Promise<T> | null = null;

  get isUnderWay(): boolean {
    return this.#current !== null;
  }

  /** The turn under way, or a new one. What the work throws is thrown to all who joined. */
  join(work: () => Promise<T>): Promise<T> {
    if (this.#current !== null) return this.#current;
    // The wrapper makes a throw of the work's a rejection; `finally` calls back in a later turn of the promises than the assignment below.
    const turn = (async () => work())().finally(() => {
      this.#current = null;
    });
    this.#current = turn;
    return turn;
  }

  /** Resolves when none is under way, however it ended. */
  async settled(): Promise<void> {
    while (this.#current !== null) await this.#current.catch(() => {});
  }
}
