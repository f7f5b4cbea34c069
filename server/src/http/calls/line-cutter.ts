/** Gets lines, whole ones or pieces of one that is longer than the bound, without their ends. */
export interface LineSink {
  /** `bytes[from, to)` is the line; `end` the offset within the stream of the first byte after it, its end included. `bytes` is lent for the call. */
  line(bytes: Buffer, from: number, to: number, end: number, isPartial: boolean): void;
  /** Whether what it has is to be taken before it gets more. */
  readonly isFull: boolean;
}

const NEWLINE = 10;
const RETURN = 13;
const EMPTY = Buffer.alloc(0);

/**
 * Cuts a stream's bytes into lines, the same ones however the bytes come: a line ends with `\n` or `\r\n`, and one of more than
 * `bytesMax` bytes is cut into pieces of at most that, between characters.
 */
export class LineCutter {
  readonly #bytesMax: number;
  /** The beginning of a line whose end has not come. */
  #rest: Buffer = EMPTY;
  /** Offset of the first byte that is in no line yet. */
  #position: number;

  constructor(position: number, bytesMax: number) {
    this.#position = position;
    this.#bytesMax = bytesMax;
  }

  get position(): number {
    return this.#position;
  }

  /** Whether a line has begun whose end has not come. */
  get hasRest(): boolean {
    return this.#rest.length > 0;
  }

  /** The caller has told so many bytes of whole lines itself. Only where no line has begun. */
  advance(bytes: number): void {
    this.#position += bytes;
  }

  /** Returns how many bytes it took: not all of them where the sink is full. */
  push(chunk: Buffer, sink: LineSink): number {
    let from = 0;
    if (this.#rest.length > 0) {
      const end = chunk.indexOf(NEWLINE);
      if (end === -1) {
        this.#keep(chunk, sink);
        return chunk.length;
      }
      const line = Buffer.concat([this.#rest, chunk.subarray(0, end + 1)]);
      this.#rest = EMPTY;
      this.#line(line, 0, line.length - 1, sink);
      from = end + 1;
    }
    for (let end = chunk.indexOf(NEWLINE, from); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#line(chunk, from, end, sink);
      from = end + 1;
      if (sink.isFull) return from;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from), sink);
    return chunk.length;
  }

  /** The stream has ended: what is left is a line without an end. */
  finish(sink: LineSink): void {
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (rest.length > 0) this.#pieces(rest, 0, rest.length, 0, sink);
  }

  /** Bytes are missing before what comes next: what there is of the line so far is told, and said to go on. */
  skip(bytes: number, sink: LineSink): void {
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (rest.length > 0) this.#emit(rest, 0, rest.length, 0, true, sink);
    this.#position += bytes;
  }

  /** A line whose `\n` is at `end`. */
  #line(bytes: Buffer, from: number, end: number, sink: LineSink): void {
    const isReturn = end > from && bytes[end - 1] === RETURN;
    this.#pieces(bytes, from, isReturn ? end - 1 : end, isReturn ? 2 : 1, sink);
  }

  #pieces(bytes: Buffer, from: number, to: number, endBytes: number, sink: LineSink): void {
    let at = from;
    while (to - at > this.#bytesMax) at = this.#piece(bytes, at, sink);
    this.#emit(bytes, at, to, endBytes, false, sink);
  }

  /** Bytes of a line whose end has not come. With more than the bound and a `\r` it cannot be a line of the bound's length any more. */
  #keep(bytes: Buffer, sink: LineSink): void {
    const rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (rest.length - at > this.#bytesMax + 1) at = this.#piece(rest, at, sink);
    // A copy, so that a few bytes do not hold the whole chunk they came in.
    this.#rest = Buffer.from(rest.subarray(at));
  }

  #piece(bytes: Buffer, from: number, sink: LineSink): number {
    const to = cutBefore(bytes, from + this.#bytesMax);
    this.#emit(bytes, from, to, 0, true, sink);
    return to;
  }

  #emit(bytes: Buffer, from: number, to: number, endBytes: number, isPartial: boolean, sink: LineSink): void {
    this.#position += to - from + endBytes;
    sink.line(bytes, from, to, this.#position, isPartial);
  }
}

/** The last place at or before `at` that lies between two characters; `at` itself where the bytes are no text. */
function cutBefore(bytes: Buffer, at: number): number {
  for (let cut = at; cut > at - 4; cut -= 1) if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
  return at;
}
