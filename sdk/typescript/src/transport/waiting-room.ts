/** Counts what waits for a consumer, and lets a reader wait until enough of it was taken. */
export class WaitingRoom {
  readonly #max: number;
  #waiting = 0;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  /** `max`: how much may wait; a reader goes on once it is half. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there is room for so much more, where no more than `max` may wait; one alone always fits. Where not, the reader is to wait. */
  has(more: number, max = this.#max): boolean {
    if (this.#waiting === 0 || this.#waiting + more <= max) return true;
    this.#room ??= newRoom();
    return false;
  }

  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  add(more: number): void {
    this.#waiting += more;
  }

  /** The consumer has taken so much. */
  drained(taken: number): void {
    this.#waiting -= taken;
    if (this.#waiting < this.#max / 2) this.open();
  }

  /** Lets the reader go on, whatever waits. */
  open(): void {
    this.#room?.resolve();
    this.#room = null;
  }

  /** Resolves at once, or when there is room again. */
  async ready(): Promise<void> {
    await this.#room?.promise;
  }
}

function newRoom(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
