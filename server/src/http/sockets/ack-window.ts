/** Characters from one remembered record to the next: an acknowledgement counts up to the last of these that it covers. */
const MARK_CHARS = 64 * 1024;

/**
 * What was sent to a client that acknowledges, and what of it was taken. Counts from the first acknowledgement on; without one it is
 * never full. It remembers a record for each 64 Ki characters, so its memory is bounded by the window.
 */
export class AckWindow {
  readonly #charsMax: number;
  #isUsed = false;
  #sent = 0;
  #taken = 0;
  #marks: { readonly seq: number; readonly sent: number }[] = [];

  /** `charsMax`: characters that may be sent and not taken. */
  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  /** Whether nothing is to be sent until the client has taken more. */
  get isFull(): boolean {
    return this.#isUsed && this.#sent - this.#taken > this.#charsMax;
  }

  /** So many characters, up to a record, are on their way. */
  add(seq: number, chars: number): void {
    if (!this.#isUsed) return;
    this.#sent += chars;
    const marked = this.#marks.at(-1)?.sent ?? this.#taken;
    if (this.#sent - marked >= MARK_CHARS) this.#marks.push({ seq, sent: this.#sent });
  }

  /** The client has taken everything up to a record. */
  take(seq: number): void {
    this.#isUsed = true;
    const left = this.#marks.findIndex((mark) => mark.seq > seq);
    const covered = left === -1 ? this.#marks : this.#marks.slice(0, left);
    this.#taken = covered.at(-1)?.sent ?? this.#taken;
    this.#marks = left === -1 ? [] : this.#marks.slice(left);
  }
}
