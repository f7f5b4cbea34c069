/**
 * Memory of one size that is used again. What stands outside of the heap is counted by the collector, which looks through the whole
 * heap for every few MiB of it that is new: while much passes through, that is most of all the work.
 */
export class SpareMemory {
  readonly #bytes: number;
  readonly #max: number;
  readonly #spare: ArrayBuffer[] = [];
  /** What came from here and is in use. */
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** Keeps at most `max` pieces that nobody uses, of `bytes` each. */
  constructor(bytes: number, max: number) {
    this.#bytes = bytes;
    this.#max = max;
  }

  /** A piece, with anything in it. */
  take(): Buffer<ArrayBuffer> {
    const memory = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#bytes).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory);
  }

  /** Takes the whole piece back that these bytes are in, where it came from here: nobody may look at any of it any more. */
  giveBack({ buffer }: Uint8Array): void {
    if (this.#lent.delete(buffer) && this.#spare.length < this.#max && buffer instanceof ArrayBuffer) this.#spare.push(buffer);
  }
}
