/** The text of events, as it grows. Engines join strings faster than they copy small pieces of bytes. */
export class EventBuffer {
  #text = "";
  #length = 0;
  #isAscii = true;

  /** Bytes, at least. */
  get length(): number {
    return this.#length;
  }

  /** ASCII characters only. */
  ascii(added: string): void {
    this.#text += added;
    this.#length += added.length;
  }

  /** Any characters, which take at least `bytes`. */
  text(added: string, bytes: number): void {
    this.#text += added;
    this.#length += bytes;
    this.#isAscii = false;
  }

  /** What there is; goes on empty. */
  take(): Buffer {
    const taken = Buffer.from(this.#text, this.#isAscii ? "latin1" : "utf8");
    this.#text = "";
    this.#length = 0;
    this.#isAscii = true;
    return taken;
  }
}
