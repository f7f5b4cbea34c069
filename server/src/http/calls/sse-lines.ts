import { isUtf8 } from "node:buffer";
import { LIMITS } from "@capsuled/contract";
import type { RunPosition } from "../../core/run/output.ts";
import { EventBuffer } from "./event-buffer.ts";
import type { LineSink } from "./line-cutter.ts";
import { LineCutter } from "./line-cutter.ts";

type Stream = "stdout" | "stderr";

/** Characters that JSON lets stand and that some readers take for the end of a line. */
const ENDS_FOR_SOME = /[\u0085\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const NEWLINE = 10;
/** Bytes of a chunk that a look at all of them is worth. */
const PLAIN_BYTES_MIN = 256;

/** Bytes of events that are taken before more are made: lines without content have hundred times their size as events. */
const TAKEN_BYTES = 256 * 1024;

/** Turns a run's output into the bytes of `output` events, one for each line, each with the id that a reader resumes from after it. */
export class SseLines {
  readonly #out = new EventBuffer();
  readonly #stdout: Half;
  readonly #stderr: Half;

  constructor(runId: string, from: RunPosition, lineBytesMax: number = LIMITS.endpointLineCharsMax) {
    this.#stdout = new Half(this.#out, runId, "stdout", from.stdout, lineBytesMax);
    this.#stderr = new Half(this.#out, runId, "stderr", from.stderr, lineBytesMax);
  }

  /** Bytes of the lines told so far. */
  get position(): RunPosition {
    return { stdout: this.#stdout.position, stderr: this.#stderr.position };
  }

  /** Returns how many bytes it took: the rest is for after the next `take`. */
  push(stream: Stream, bytes: Uint8Array): number {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return stream === "stdout" ? this.#stdout.push(chunk, this.#stderr.position) : this.#stderr.push(chunk, this.#stdout.position);
  }

  /** What is missing of each stream before what comes next. */
  gap(stdoutBytes: number, stderrBytes: number): void {
    if (stdoutBytes > 0) this.#stdout.skip(stdoutBytes, this.#stderr.position);
    if (stderrBytes > 0) this.#stderr.skip(stderrBytes, this.#stdout.position);
  }

  finish(): void {
    this.#stdout.finish(this.#stderr.position);
    this.#stderr.finish(this.#stdout.position);
  }

  /** The events since they were last taken. */
  take(): Buffer {
    return this.#out.take();
  }
}

/** One stream's lines. */
class Half implements LineSink {
  readonly #out: EventBuffer;
  readonly #cutter: LineCutter;
  readonly #stream: Stream;
  /** What stands before the offset of this stream in an id, between it and the line, and after the line. */
  readonly #head: string;
  readonly #tail: string;
  #middle = "";
  #otherPosition = -1;
  readonly #lineBytesMax: number;

  constructor(out: EventBuffer, runId: string, stream: Stream, position: number, lineBytesMax: number) {
    this.#out = out;
    this.#stream = stream;
    this.#cutter = new LineCutter(position, lineBytesMax);
    this.#lineBytesMax = lineBytesMax;
    this.#head = oneString(`id: ${runId}.`);
    this.#tail = oneString(`","stream":"${stream}"}\n\n`);
  }

  get position(): number {
    return this.#cutter.position;
  }

  get isFull(): boolean {
    return this.#out.length >= TAKEN_BYTES;
  }

  push(chunk: Buffer, otherPosition: number): number {
    this.#besides(otherPosition);
    if (chunk.length < PLAIN_BYTES_MIN || !isPlain(chunk)) return this.#cutter.push(chunk, this);
    // The line under way ends here; those after it stand in the chunk alone.
    const first = this.#cutter.hasRest ? chunk.indexOf(NEWLINE) + 1 : 0;
    if (first > 0) this.#cutter.push(chunk.subarray(0, first), this);
    if (this.#cutter.hasRest) return this.#cutter.push(chunk, this);
    const from = first + this.#plainLines(chunk.toString("latin1", first));
    return from < chunk.length && !this.isFull ? from + this.#cutter.push(chunk.subarray(from), this) : from;
  }

  /**
   * Tells whole lines of a text in which no character is another one in JSON, up to one that is too long; returns how many characters
   * it took. One loop in which the string does nothing but grow: engines then write it in place instead of joining it from pieces later.
   */
  #plainLines(text: string): number {
    const head = this.#stream === "stdout" ? this.#head : oneString(`${this.#head}${this.#otherPosition}.`);
    const middle = this.#middle;
    const tail = this.#tail;
    const start = this.#cutter.position;
    const lineMax = this.#lineBytesMax;
    const around = head.length + middle.length + tail.length;
    let room = TAKEN_BYTES - this.#out.length;
    let events = "";
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1 && end - from <= lineMax && room > 0; end = text.indexOf("\n", from)) {
      room -= around + end - from;
      events += head + (start + end + 1) + middle + text.slice(from, end) + tail;
      from = end + 1;
    }
    this.#out.ascii(events);
    this.#cutter.advance(from);
    return from;
  }

  skip(bytes: number, otherPosition: number): void {
    this.#besides(otherPosition);
    this.#cutter.skip(bytes, this);
  }

  finish(otherPosition: number): void {
    this.#besides(otherPosition);
    this.#cutter.finish(this);
  }

  line(bytes: Buffer, from: number, to: number, end: number, isPartial: boolean): void {
    const id = this.#stream === "stdout" ? `${this.#head}${end}` : `${this.#head}${this.#otherPosition}.${end}`;
    const content = bytes.subarray(from, to);
    const isText = isUtf8(content);
    const quoted = JSON.stringify(content.toString(isText ? "utf8" : "base64")).replaceAll(ENDS_FOR_SOME, escaped);
    const facts = `,"stream":"${this.#stream}"${isPartial ? ',"partial":true' : ""}${isText ? "" : ',"encoding":"base64"'}}\n\n`;
    const event = id + this.#middle + quoted.slice(1) + facts;
    this.#out.text(event, event.length);
  }

  #besides(otherPosition: number): void {
    if (otherPosition === this.#otherPosition) return;
    this.#otherPosition = otherPosition;
    this.#middle = oneString(`${this.#stream === "stdout" ? `.${otherPosition}` : ""}\ndata: {"type":"output","data":"`);
  }
}

/** The same ASCII text in one piece: engines keep what was joined as its parts, and go through them again wherever it is used. */
function oneString(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** Whether every byte is an ASCII character that stands in JSON as it is, or the end of a line. Four bytes at a time: it is what costs most here. */
function isPlain(bytes: Uint8Array): boolean {
  const head = Math.min(bytes.length, (4 - (bytes.byteOffset & 3)) & 3);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + head, (bytes.length - head) >>> 2);
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? 0;
    const quotes = word ^ 0x22222222;
    const slashes = word ^ 0x5c5c5c5c;
    // A high bit is set where a byte may be a quote, a backslash, a control character or no ASCII: a byte is then looked at by itself.
    const odd = ((quotes - 0x01010101) & ~quotes) | ((slashes - 0x01010101) & ~slashes) | ((word - 0x20202020) & ~word) | word;
    if ((odd & 0x80808080) !== 0 && !areBytesPlain(bytes, head + at * 4, head + at * 4 + 4)) return false;
  }
  return areBytesPlain(bytes, 0, head) && areBytesPlain(bytes, head + words.length * 4, bytes.length);
}

function areBytesPlain(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0;
    if ((byte < 0x20 && byte !== 0x0a) || byte >= 0x7f || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}
