import { toBase64 } from "../transport/bytes.ts";

/** Bytes of standard input in one message. */
const MESSAGE_BYTES = 128 * 1024;
/** Bytes that a part begins with; it grows as more is written. */
const PART_BYTES = 1024;
/** Bytes that were written and that the command has not taken. */
const UNTAKEN_BYTES_MAX = 512 * 1024;

/**
 * What is written to a command's standard input, kept until the command has it: after a cut it is sent again from where the server says
 * that it stopped. It knows nothing of sockets: it says what is to be sent.
 */
export class StdinJournal {
  /** What the server may not have, in order; all but the last are full, however little is written at a time. */
  #parts: Part[] = [];
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
    let part = this.#parts.at(-1);
    if (part === undefined || part.length === MESSAGE_BYTES) part = { at: this.#written, bytes: new Uint8Array(0), length: 0 };
    const room = Math.min(MESSAGE_BYTES - part.length, UNTAKEN_BYTES_MAX - (this.#written - this.#taken));
    const piece = bytes.subarray(0, Math.max(0, room));
    if (piece.length === 0) return bytes;
    if (part.length === 0) this.#parts.push(part);
    addTo(part, piece);
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
    for (const { at, bytes, length } of this.#parts) {
      const known = Math.max(0, this.#sent - at);
      if (known >= length) continue;
      yield { type: "stdin", data: toBase64(bytes.subarray(known, length)), encoding: "base64", offset: at + known };
      this.#sent = at + length;
    }
    if (!this.#isClosed || this.#isEndSent) return;
    this.#isEndSent = true;
    yield { type: "stdin_close", offset: this.#written };
  }

  #forget(bytes: number): void {
    while (this.#parts[0] !== undefined && this.#parts[0].at + this.#parts[0].length <= bytes) this.#parts.shift();
  }
}

interface Part {
  /** Where it begins in all that was written. */
  readonly at: number;
  /** Longer than what is in it. */
  bytes: Uint8Array;
  length: number;
}

function addTo(part: Part, piece: Uint8Array): void {
  const length = part.length + piece.length;
  if (length > part.bytes.length) {
    const larger = new Uint8Array(Math.min(MESSAGE_BYTES, Math.max(PART_BYTES, part.bytes.length * 2, length)));
    larger.set(part.bytes.subarray(0, part.length));
    part.bytes = larger;
  }
  part.bytes.set(piece, part.length);
  part.length = length;
}
