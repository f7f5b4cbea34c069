const FIRST_BYTES = 512;
const SMALL_MAX = 2 ** 30;

/** Bytes that grow at their end. */
export class EventBuffer {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Room for that many bytes more, at once. */
  reserve(bytes: number): void {
    if (this.#bytes.length - this.#length >= bytes) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  bytes(added: Uint8Array): void {
    this.reserve(added.length);
    this.#bytes.set(added, this.#length);
    this.#length += added.length;
  }

  range(from: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    this.#length += from.copy(this.#bytes, this.#length, start, end);
  }

  /** A whole number that is not negative, in digits. */
  digits(value: number): void {
    this.reserve(16);
    let count = 1;
    for (let power = 10; power <= value; power *= 10) count += 1;
    const bytes = this.#bytes;
    const end = this.#length + count;
    let at = end;
    let left = value;
    for (; left > SMALL_MAX; left = Math.floor(left / 10)) bytes[--at] = 48 + (left % 10);
    // Whole numbers of 31 bits are divided faster.
    for (let small = left | 0; at > this.#length;) {
      const tens = (small / 10) | 0;
      bytes[--at] = 48 + small - tens * 10;
      small = tens;
    }
    this.#length = end;
  }

  text(added: string): void {
    this.reserve(added.length * 3);
    this.#length += this.#bytes.write(added, this.#length, "utf8");
  }

  /** What there is; goes on empty. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
    this.#length = 0;
    return taken;
  }
}
