import { isUtf8 } from "node:buffer";
import type { EventBuffer } from "./event-buffer.ts";
import { TAKEN_BYTES } from "./event-buffer.ts";

const NEWLINE = 10;
const RETURN = 13;
const WORD = 8;
/** Of an offset, the digits below this are written for each line; those above are a part of the text before it. */
export const LOW = 10_000;
const LOW_DIGITS = 4;
/** Bytes around a line at most, and what its last words reach over. */
const AROUND_BYTES_MAX = 256;

/** What JSON makes of each ASCII character, where that is not itself. */
const ESCAPES: readonly (Buffer | null)[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  const quoted = JSON.stringify(character).slice(1, -1);
  return quoted === character ? null : Buffer.from(quoted, "latin1");
});
const ESCAPE_BYTES_MAX = 6;

/**
 * Tells whole lines of text as events. Bytes are copied eight at a time and looked at on the way: neither a string nor a view is made
 * for a line, which costs more than the line itself.
 */
export class PlainLines {
  readonly #before: string;
  readonly #after: string;
  readonly #tail: Float64Array;
  readonly #tailBytes: number;
  readonly #lineBytesMax: number;
  #head: Float64Array = new Float64Array(0);
  #headBytes = 0;
  #lowAt = 0;
  /** The offset without its last digits, as it stands in the head. */
  #high = -1;
  /** Whether all lines of the chunk are UTF-8; `null` until it matters. */
  #isText: boolean | null = null;

  /** An event is `before`, the offset behind its line, `after`, the line, `tail`; all of them ASCII. */
  constructor(before: string, after: string, tail: string, lineBytesMax: number) {
    this.#before = before;
    this.#after = after;
    this.#tail = wordsOf(tail);
    this.#tailBytes = tail.length;
    this.#lineBytesMax = lineBytesMax;
    if (before.length + after.length + tail.length + 40 > AROUND_BYTES_MAX) throw new Error("the text around lines is too long");
  }

  /** Of the line copied last: where it ends in the chunk and in the memory, and all bits that its bytes have. */
  #lineEnd = 0;
  #into = 0;
  #seen = 0;

  /** Another chunk comes. */
  begin(): void {
    this.#isText = null;
  }

  /**
   * Writes the events of the lines from `from` on, whose first byte is at `position` of the stream, at or beyond `LOW`: up to one that
   * is too long, is no text or has no end here, or until `out` is full. Returns where in the chunk it came.
   */
  write(out: EventBuffer, chunk: Buffer, from: number, position: number): number {
    const input = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    const end = chunk.length;
    const tail = this.#tail;
    let memory = out.room(Math.min(TAKEN_BYTES, (end - from) * 2));
    let output = new DataView(memory.buffer, memory.byteOffset, memory.length);
    let start = from;
    let to = out.length;
    if (this.#high < 0) this.#setHigh(Math.floor((position + 1) / LOW));
    while (start < end && to < TAKEN_BYTES) {
      if (to + AROUND_BYTES_MAX + end - start > memory.length) {
        out.advance(to);
        memory = out.room(AROUND_BYTES_MAX + end - start);
        output = new DataView(memory.buffer, memory.byteOffset, memory.length);
      }
      const head = this.#head;
      for (let index = 0; index < head.length; index += 1) output.setFloat64(to + index * WORD, head[index] ?? 0, true);
      const next = this.#copyLine(input, start, output, to + this.#headBytes);
      const isTold = next !== -1 && this.#lineEnd - start <= this.#lineBytesMax && (this.#seen < 0x80 || this.#areText(chunk, start, next));
      if (!isTold) break;
      const into = this.#into;
      const offset = position + next - from;
      const rest = offset - this.#high * LOW;
      if (rest >= LOW) {
        // Every so many lines: the same line once more, behind the digits that it has.
        this.#setHigh(Math.floor(offset / LOW));
        continue;
      }
      writeDigits(output, to + this.#lowAt, rest);
      for (let index = 0; index < tail.length; index += 1) output.setFloat64(into + index * WORD, tail[index] ?? 0, true);
      to = into + this.#tailBytes;
      start = next;
    }
    out.advance(to);
    return start;
  }

  /** Copies a line as JSON has it; returns where the next one begins, -1 where that is not known or there is no room for escapes. */
  #copyLine(input: DataView, start: number, output: DataView, contentAt: number): number {
    const end = input.byteLength;
    const escapesEnd = output.byteLength - ESCAPE_BYTES_MAX - AROUND_BYTES_MAX;
    let at = start;
    let into = contentAt;
    let seen = 0;
    while (at < end) {
      for (; at + WORD <= end; at += WORD, into += WORD) {
        const low = input.getInt32(at, true);
        const high = input.getInt32(at + 4, true);
        if ((oddIn(low) | oddIn(high)) !== 0) break;
        output.setInt32(into, low, true);
        output.setInt32(into + 4, high, true);
      }
      for (const until = Math.min(end, at + WORD); at < until; at += 1) {
        const byte = input.getUint8(at);
        const endBytes = byte === NEWLINE ? 1 : byte === RETURN ? returnBytes(input, at) : 0;
        if (endBytes > 0) {
          this.#lineEnd = at;
          this.#into = into;
          this.#seen = seen;
          return at + endBytes;
        }
        const escape = ESCAPES[byte] ?? null;
        if (escape === null) {
          if ((byte === 0xc2 || byte === 0xe2) && endsForSome(input, at)) return -1;
          seen |= byte;
          output.setUint8(into, byte);
          into += 1;
        } else {
          if (endBytes < 0 || into + end - at > escapesEnd) return -1;
          for (let index = 0; index < escape.length; index += 1) output.setUint8(into + index, escape[index] ?? 0);
          into += escape.length;
        }
      }
    }
    return -1;
  }

  /** Whether a line is text: looked at once for all that follow in the chunk, and for each by itself where one of them is not. */
  #areText(chunk: Buffer, start: number, next: number): boolean {
    this.#isText ??= isUtf8(chunk.subarray(start, chunk.lastIndexOf(NEWLINE) + 1));
    return this.#isText || isUtf8(chunk.subarray(start, next));
  }

  #setHigh(high: number): void {
    const digits = `${this.#before}${high}`;
    const head = `${digits}${"0".repeat(LOW_DIGITS)}${this.#after}`;
    this.#high = high;
    this.#lowAt = digits.length;
    this.#head = wordsOf(head);
    this.#headBytes = head.length;
  }
}

/** Bytes of the line's end at a return: 0 where it is none, -1 where what follows has not come. */
function returnBytes(input: DataView, at: number): number {
  if (at + 1 === input.byteLength) return -1;
  return input.getUint8(at + 1) === NEWLINE ? 2 : 0;
}

/** Whether U+0085, U+2028 or U+2029 stands there, or may: some readers take them for the end of a line. */
function endsForSome(input: DataView, at: number): boolean {
  if (at + 2 >= input.byteLength) return true;
  const second = input.getUint8(at + 1);
  if (input.getUint8(at) === 0xc2) return second === 0x85;
  return second === 0x80 && (input.getUint8(at + 2) & 0xfe) === 0xa8;
}

/** The text as numbers of 8 bytes each. ASCII only: other bytes need not stay what they are in a number. */
function wordsOf(text: string): Float64Array {
  const words = new Float64Array(Math.ceil(text.length / WORD));
  Buffer.from(words.buffer).write(text, "latin1");
  return words;
}

/**
 * Not 0 where one of four bytes is a control character, a quote, a backslash or no ASCII, and perhaps where one stands behind such a
 * one: a high bit is then set, by itself or by what was borrowed for it.
 */
function oddIn(word: number): number {
  const quotes = word ^ 0x22222222;
  const slashes = word ^ 0x5c5c5c5c;
  return (((word - 0x20202020) | (quotes - 0x01010101) | (slashes - 0x01010101)) & 0x80808080) | (word & 0x80808080);
}

function writeDigits(output: DataView, at: number, value: number): void {
  const hundreds = (value / 100) | 0;
  const thousands = (hundreds / 10) | 0;
  const ones = value - hundreds * 100;
  const tens = (ones / 10) | 0;
  output.setUint8(at, 48 + thousands);
  output.setUint8(at + 1, 48 + hundreds - thousands * 10);
  output.setUint8(at + 2, 48 + tens);
  output.setUint8(at + 3, 48 + ones - tens * 10);
}
