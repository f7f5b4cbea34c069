/** Records shorter than this are copied together, so that what is kept costs about its size however small the records were. */
const SMALL_BYTES = 16 * 1024;
const BLOCK_BYTES_MIN = 4 * 1024;
const BLOCK_BYTES_MAX = 64 * 1024;

/** Keeps the head of a stream, up to a bound. */
export class Head {
  readonly #max: number;
  readonly #parts: Uint8Array[] = [];
  #size = 0;
  /** Where small records are copied to, up to `#filled`; it becomes a part when it is full. */
  #block: Buffer | null = null;
  #filled = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(bytes: Uint8Array): void {
    const room = this.#max - this.#size;
    if (room <= 0) return;
    const kept = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#size += kept.length;
    if (kept.length >= SMALL_BYTES || this.#size === kept.length) {
      this.#seal();
      this.#parts.push(kept);
    } else {
      this.#copy(kept);
    }
  }

  take(): Uint8Array {
    this.#seal();
    const [first] = this.#parts;
    if (first === undefined) return new Uint8Array(0);
    return this.#parts.length === 1 ? first : Buffer.concat(this.#parts, this.#size);
  }

  #copy(bytes: Uint8Array): void {
    if (this.#block !== null && this.#filled + bytes.length > this.#block.length) this.#seal();
    this.#block ??= Buffer.allocUnsafeSlow(Math.max(bytes.length, BLOCK_BYTES_MIN, Math.min(BLOCK_BYTES_MAX, this.#size)));
    this.#block.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  #seal(): void {
    if (this.#block === null) return;
    this.#parts.push(this.#block.subarray(0, this.#filled));
    this.#block = null;
    this.#filled = 0;
  }
}
