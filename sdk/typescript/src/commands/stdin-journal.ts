import { toBase64 } from "../transport/bytes.ts";

/** Bytes of standard input in one message. */
const MESSAGE_BYTES = 128 * 1024;
/** Bytes that were written and that the command has not taken. */
const UNTAKEN_BYTES_MAX = 512 * 1024;

/**
 * What is written to a command's standard input, kept until the command has it: after a cut it is sent again from where the server says
 * that it stopped. It knows nothing of sockets: it says what is to be sent.
 */
export class StdinJournal {
  /** Pieces that the server may not have, in order. */
  #parts: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #written = 0;
  #taken = 0;
  #sent = 0;
  #isClosed = false;
  #isEndSent = false;
  #isBegun = false;

  /** Whether more can be written now. */
  get hasRoom(): boolean {
    return this.#written - this.#taken < UNTAKEN_BYTES_MAX;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes as much as has room, and gives the rest. */
  append(bytes: Uint8Array): Uint8Array {
    const piece = bytes.slice(0, Math.min(MESSAGE_BYTES, UNTAKEN_BYTES_MAX - (this.#written - this.#taken)));
    if (piece.length > 0) this.#parts.push({ at: this.#written, bytes: piece });
    this.#written += piece.length;
    return bytes.subarray(piece.length);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** A connection stands, and the server has so many bytes. */
  begin(given: { readonly bytes: number; readonly closed: boolean }): void {
    this.#sent = Math.min(given.bytes, this.#written);
    this.#isEndSent = given.closed;
    this.#isBegun = true;
    this.#forget(given.bytes);
  }

  /** The connection is gone: nothing is sent until the next one has begun. */
  cut(): void {
    this.#isBegun = false;
  }

  /** The command has taken so many bytes in all. */
  ack(bytes: number): void {
    this.#taken = Math.max(this.#taken, Math.min(bytes, this.#written));
    this.#forget(this.#taken);
  }

  /** What is to be sent over the connection that stands. `isFirst`: it has just begun, and asks how far the command is. */
  *messages(isFirst = false): Generator<object, void, undefined> {
    if (!this.#isBegun) return;
    if (isFirst) yield { type: "stdin", data: "", encoding: "base64", offset: this.#sent };
    for (const { at, bytes } of this.#parts) {
      const known = Math.max(0, this.#sent - at);
      if (known >= bytes.length) continue;
      yield { type: "stdin", data: toBase64(bytes.subarray(known)), encoding: "base64", offset: at + known };
      this.#sent = at + bytes.length;
    }
    if (!this.#isClosed || this.#isEndSent) return;
    this.#isEndSent = true;
    yield { type: "stdin_close", offset: this.#written };
  }

  #forget(bytes: number): void {
    while (this.#parts[0] !== undefined && this.#parts[0].at + this.#parts[0].bytes.length <= bytes) this.#parts.shift();
  }
}
