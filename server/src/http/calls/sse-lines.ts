import { isUtf8 } from "node:buffer";
import { LIMITS } from "@capsuled/contract";
import type { RunPosition } from "../../core/run/output.ts";
import { EventBuffer } from "./event-buffer.ts";
import type { LineSink } from "./line-cutter.ts";
import { LineCutter } from "./line-cutter.ts";
import { LOW, PlainLines } from "./plain-lines.ts";

type Stream = "stdout" | "stderr";

/** Characters that JSON lets stand and that some readers take for the end of a line. */
const ENDS_FOR_SOME = /[\u0085\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const NEWLINE = 10;

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
  readonly #runId: string;
  readonly #lineBytesMax: number;
  #otherPosition = -1;
  /** What stands before the offset of this stream in an id, and between it and the line. */
  #before = "";
  #after = "";
  /** The short way for lines that need no other; made where it pays. */
  #plain: PlainLines | null = null;

  constructor(out: EventBuffer, runId: string, stream: Stream, position: number, lineBytesMax: number) {
    this.#out = out;
    this.#stream = stream;
    this.#cutter = new LineCutter(position, lineBytesMax);
    this.#lineBytesMax = lineBytesMax;
    this.#runId = runId;
  }

  get position(): number {
    return this.#cutter.position;
  }

  get isFull(): boolean {
    return this.#out.isFull;
  }

  push(chunk: Buffer, otherPosition: number): number {
    this.#besides(otherPosition);
    this.#plain?.begin();
    // The line under way ends in the first of these; the others stand in the chunk alone.
    let at = this.#cutter.hasRest ? this.#line(chunk, 0) : 0;
    while (at < chunk.length && !this.isFull) {
      if (this.#cutter.position >= LOW) {
        const from = at;
        at = this.#plainLines().write(this.#out, chunk, from, this.#cutter.position);
        this.#cutter.advance(at - from);
        if (at === chunk.length || this.isFull) break;
      }
      at += this.#line(chunk, at);
    }
    return at;
  }

  /** One line, or what there is of it. Returns its bytes. */
  #line(chunk: Buffer, from: number): number {
    const end = chunk.indexOf(NEWLINE, from);
    const line = chunk.subarray(from, end === -1 ? chunk.length : end + 1);
    this.#cutter.push(line, this);
    return line.length;
  }

  #plainLines(): PlainLines {
    this.#plain ??= new PlainLines(this.#before, this.#after, `","stream":"${this.#stream}"}\n\n`, this.#lineBytesMax);
    return this.#plain;
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
    const content = bytes.subarray(from, to);
    const isText = isUtf8(content);
    const quoted = JSON.stringify(content.toString(isText ? "utf8" : "base64")).replaceAll(ENDS_FOR_SOME, escaped);
    const facts = `,"stream":"${this.#stream}"${isPartial ? ',"partial":true' : ""}${isText ? "" : ',"encoding":"base64"'}}\n\n`;
    this.#out.text(this.#before + end + this.#after + quoted.slice(1) + facts);
  }

  #besides(otherPosition: number): void {
    if (otherPosition === this.#otherPosition) return;
    this.#otherPosition = otherPosition;
    const isFirst = this.#stream === "stdout";
    this.#before = `id: ${this.#runId}.${isFirst ? "" : `${otherPosition}.`}`;
    this.#after = `${isFirst ? `.${otherPosition}` : ""}\ndata: {"type":"output","data":"`;
    this.#plain = null;
  }
}
