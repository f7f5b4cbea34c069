import type { RunItem, RunPosition, RunReader, RunTaken } from "./output.ts";
import type { PackedBlock, PackedSource, SourceReader } from "./packed-source.ts";
import type { RecordHeader } from "./run-journal.ts";
import { PackedError, readHeader, RECORD_HEADER_BYTES } from "./run-journal.ts";

/** Milliseconds without a call of `next` after which nothing is held back for a reader any more. */
export const READER_ACTIVE_MS = 2000;

/** Of a record in which there is nothing for a reader. */
const PASSED = null;
type Look = RunItem | undefined | Promise<RunItem | undefined>;

/**
 * Gives the output from a position on, then the end. What is missing, before a record or at the end, is told as a gap of exactly so many
 * bytes. Where the bytes are lent (see `RunHandle.read`), the memory of what was read is given back.
 */
export class PackedReader implements RunReader, SourceReader {
  readonly #source: PackedSource;
  readonly #isLent: boolean;
  #stdout: number;
  #stderr: number;
  /** Offset of the record that is read, or comes next. */
  #at: number;
  /** How far each stream has come in what lies before. */
  #passedStdout: number;
  #passedStderr: number;
  #block: PackedBlock | null = null;
  #isClosed = false;
  #isEnded = false;
  #isWaiting = false;
  #lastTakenAt = performance.now();

  constructor(source: PackedSource, from: RunPosition, isLent = false) {
    this.#source = source;
    this.#isLent = isLent;
    this.#stdout = from.stdout;
    this.#stderr = from.stderr;
    const mark = source.marks.before(from);
    this.#at = mark.at;
    this.#passedStdout = mark.stdout;
    this.#passedStderr = mark.stderr;
    source.enter(this);
  }

  get at(): number {
    return this.#at;
  }

  get isActive(): boolean {
    return this.#isWaiting || performance.now() - this.#lastTakenAt < READER_ACTIVE_MS;
  }

  next(waitMs: number): RunTaken | Promise<RunTaken> {
    if (this.#isClosed || this.#isEnded) return undefined;
    const seen = this.#source.end;
    const taking = this.#take();
    const item = taking instanceof Promise ? undefined : (taking ?? this.#endWhereOver());
    const now = performance.now();
    if (item === undefined) return this.#awaited(taking, seen, now + waitMs);
    this.#lastTakenAt = now;
    return item;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Whoever reads may still look at what it was given last: that block is not given back.
    this.#block = null;
    this.#source.leave(this);
  }

  /** Goes on with a look at the source, which was at `seen` before it. */
  async #awaited(taking: Look, seen: number, deadline: number): Promise<RunTaken> {
    this.#isWaiting = true;
    try {
      for (let look = taking, end = seen; ; end = this.#source.end, look = this.#take()) {
        const item = (await look) ?? this.#endWhereOver();
        if (item !== undefined) return item;
        // What came while it looked wakes nobody.
        if (!this.#source.isOver && this.#source.end === end && !this.#isClosed) {
          const leftMs = deadline - performance.now();
          if (leftMs <= 0) return { kind: "idle" };
          await this.#source.changed(leftMs);
        }
        if (this.#isClosed) return undefined;
      }
    } finally {
      this.#isWaiting = false;
      this.#lastTakenAt = performance.now();
    }
  }

  /** The next bytes or gap that there are without waiting for the run; a promise where a file is read for them. */
  #take(): Look {
    while (this.#at < this.#source.end && !this.#isClosed) {
      const before = this.#block;
      const block = this.#blockAt();
      if (block instanceof Promise) return block.then((read) => this.#orNext(this.#takeFrom(read, read !== before)));
      const item = this.#takeFrom(block, block !== before);
      if (item !== PASSED) return item;
    }
    return undefined;
  }

  #orNext(item: RunItem | typeof PASSED | undefined): Look {
    return item === PASSED ? this.#take() : item;
  }

  /** What the record here has for this reader; `PASSED` where that is nothing and the next one may have something. */
  #takeFrom(block: PackedBlock | null, isFresh: boolean): RunItem | typeof PASSED | undefined {
    if (block === null) {
      this.#at = this.#source.end;
      return undefined;
    }
    const header = this.#headerIn(block, isFresh);
    if (header === undefined) return PASSED;
    const item = this.#itemOf(block, header);
    if (item !== undefined) return item;
    const next = this.#at + RECORD_HEADER_BYTES + header.length;
    // The last record of a block that grows may grow itself.
    if (next >= block.at + block.bytes.length && !block.isSealed) return undefined;
    this.#at = next;
    if (header.stream === "stdout") this.#passedStdout = header.offset + header.length;
    else this.#passedStderr = header.offset + header.length;
    this.#source.marks.pass(next, this.#passedStdout, this.#passedStderr);
    return PASSED;
  }

  #blockAt(): PackedBlock | null | Promise<PackedBlock | null> {
    const had = this.#block;
    if (had !== null && had.isSealed && this.#at >= had.at && this.#at < had.at + had.bytes.length) return had;
    const found = this.#source.block(this.#at, this.#isLent);
    return found instanceof Promise ? found.then((block) => this.#goTo(block, had)) : this.#goTo(found, had);
  }

  #goTo(block: PackedBlock | null, had: PackedBlock | null): PackedBlock | null {
    this.#giveBack(had);
    this.#block = block;
    if (block !== null && block.at > this.#at) this.#at = block.at;
    return block;
  }

  #giveBack(block: PackedBlock | null): void {
    if (this.#isLent) block?.giveBack?.();
  }

  /** The whole record's header; `undefined` where the block cuts it off. One that was had before is asked for anew then, from that record on. */
  #headerIn(block: PackedBlock, isFresh: boolean): RecordHeader | undefined {
    const within = this.#at - block.at;
    try {
      const header = readHeader(block.bytes, within);
      if (header !== undefined && within + RECORD_HEADER_BYTES + header.length <= block.bytes.length) return header;
    } catch (error) {
      if (!(error instanceof PackedError)) throw error;
      this.#at = this.#source.end;
      return undefined;
    }
    this.#block = null;
    this.#giveBack(block);
    // Whoever was just asked for the record, and will never have more of it, has all that there is: the rest is damaged. A block that
    // grows has grown meanwhile.
    if (isFresh && block.isSealed) this.#at = this.#source.end;
    return undefined;
  }

  #itemOf(block: PackedBlock, { stream, offset, length }: RecordHeader): RunItem | undefined {
    const position = stream === "stdout" ? this.#stdout : this.#stderr;
    if (offset + length <= position) return undefined;
    if (offset > position) {
      this.#move(stream, offset);
      const bytes = offset - position;
      return { kind: "gap", stdoutBytes: stream === "stdout" ? bytes : 0, stderrBytes: stream === "stderr" ? bytes : 0 };
    }
    this.#move(stream, offset + length);
    const begin = this.#at - block.at + RECORD_HEADER_BYTES;
    return { kind: "output", stream, offset: position, bytes: block.bytes.subarray(begin + position - offset, begin + length) };
  }

  #move(stream: "stdout" | "stderr", to: number): void {
    if (stream === "stdout") this.#stdout = to;
    else this.#stderr = to;
  }

  /** The end, or what is missing before it, where the run is over and all of its output was read. */
  #endWhereOver(): RunItem | undefined {
    return this.#source.isOver && this.#at >= this.#source.end ? this.#end() : undefined;
  }

  #end(): RunItem {
    const { run } = this.#source;
    const stdoutBytes = Math.max(0, run.stdoutBytes - this.#stdout);
    const stderrBytes = Math.max(0, run.stderrBytes - this.#stderr);
    if (stdoutBytes > 0 || stderrBytes > 0) {
      this.#stdout += stdoutBytes;
      this.#stderr += stderrBytes;
      return { kind: "gap", stdoutBytes, stderrBytes };
    }
    this.#isEnded = true;
    this.close();
    return { kind: "end", run };
  }
}
