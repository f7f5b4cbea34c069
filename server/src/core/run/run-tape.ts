import type { RunFileReader, RunFiles, RunFileWriter } from "../ports/run-files.ts";
import { blockOf } from "./file-block.ts";
import { PackedMarks } from "./packed-marks.ts";
import type { PackedBlock, PackedSource, SourceReader } from "./packed-source.ts";
import type { RunRecord } from "./record.ts";
import type { RunStream } from "./run-journal.ts";
import { RECORD_BYTES_MAX, RECORD_HEADER_BYTES, writeHeader, writeLength } from "./run-journal.ts";
import type { StoredOutput } from "./store.ts";
import { TapeChunk } from "./tape-chunk.ts";
import { TapeMemory } from "./tape-memory.ts";

/** Bytes of packed output that stay in memory and then in the run's row; more goes to a file. */
export const INLINE_BYTES_MAX = 64 * 1024;
/** Bytes of a run's file at most, as much as the agent's journal of one process. */
export const RUN_FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes not yet in the file, or not yet read by who follows closely, beyond which the agent is asked to wait. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;
/** Bytes kept for readers that follow closely, once the file takes no more. */
const WINDOW_BYTES_MAX = 512 * 1024;
/** Milliseconds for which a run waits for a reader that follows closely, so that it reads from memory and not from the file. */
const CLOSE_MS = 10;
/** Milliseconds between two looks whether readers that hold the run back are still active. */
const LOOK_MS = 250;

export interface TapeOptions {
  readonly fileBytesMax?: number;
  readonly onFileFailure: (error: unknown) => void;
}

/**
 * What a run under way prints: the latest in memory, and once it is more than a row holds, all of it in a file as well. Any number of
 * readers read it at their own pace; memory is bounded whatever they do. The run waits for a moment for one that has come so far that
 * what is next for it is in memory: once that is over, such a reader goes on in the file until it has caught up. Only where the file
 * takes no more (its bound, a full disk) the run waits for all readers that are active; one that has stalled gets a gap.
 */
export class RunTape implements PackedSource {
  readonly marks = new PackedMarks();
  readonly #files: RunFiles;
  readonly #runId: string;
  readonly #options: TapeOptions;
  #open = new TapeChunk(0);
  /** The last record of the open chunk. */
  #lastAt = -1;
  #lastStream: RunStream = "stdout";
  #lastEnd = 0;
  #lastLength = 0;
  #stdoutEnd = 0;
  #stderrEnd = 0;
  readonly #sealed = new TapeMemory();
  #writer: RunFileWriter | null = null;
  /** The latest turn of writing, which is over or still `#isWriting`: one that finds nothing to write is over before it can be kept here. */
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  /** Bytes in the file; it takes no more once it is `full` or has failed. */
  #written = 0;
  #isFileClosed = false;
  #hasFileFailed = false;
  /** The finished file, open while somebody reads it. */
  #finished: Promise<RunFileReader | undefined> | null = null;
  #isKept = false;
  #run: RunRecord | null = null;
  readonly #readers = new Set<SourceReader>();
  readonly #waiters = new Set<() => void>();
  #onRoom: (() => void) | null = null;
  #look: NodeJS.Timeout | null = null;
  #closeTimer: NodeJS.Timeout | null = null;

  constructor(files: RunFiles, runId: string, options: TapeOptions) {
    this.#files = files;
    this.#runId = runId;
    this.#options = options;
  }

  get end(): number {
    return this.#open.end;
  }

  /** Bytes of output that it has in memory. */
  get memoryBytes(): number {
    return this.#sealed.bytes + this.#open.size;
  }

  /** Bytes up to the last that came of each stream. */
  get printed(): { readonly stdoutBytes: number; readonly stderrBytes: number } {
    return { stdoutBytes: this.#stdoutEnd, stderrBytes: this.#stderrEnd };
  }

  get isOver(): boolean {
    return this.#run !== null;
  }

  get run(): RunRecord {
    if (this.#run === null) throw new Error("the run has not ended");
    return this.#run;
  }

  enter(reader: SourceReader): void {
    this.#readers.add(reader);
  }

  leave(reader: SourceReader): void {
    this.#readers.delete(reader);
    this.#letGo();
    this.#shrink();
    this.#wake();
    if (this.#readers.size === 0) this.#closeFile();
  }

  /** Takes what was printed; copies it. */
  append(stream: RunStream, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += RECORD_BYTES_MAX)
      this.#append(stream, offset + at, at === 0 && bytes.length <= RECORD_BYTES_MAX ? bytes : bytes.subarray(at, at + RECORD_BYTES_MAX));
    if (stream === "stdout") this.#stdoutEnd = offset + bytes.length;
    else this.#stderrEnd = offset + bytes.length;
    if (bytes.length > 0) this.#wake();
  }

  #append(stream: RunStream, offset: number, bytes: Uint8Array): void {
    const open = this.#open;
    const grows = this.#lastAt >= 0 && this.#lastStream === stream && this.#lastEnd === offset;
    if (grows && open.used + bytes.length <= INLINE_BYTES_MAX) {
      const memory = open.room(bytes.length, INLINE_BYTES_MAX);
      memory.set(bytes, open.used);
      open.advance(bytes.length);
      this.#lastLength += bytes.length;
      writeLength(memory, this.#lastAt, this.#lastLength);
    } else {
      const size = RECORD_HEADER_BYTES + bytes.length;
      if (open.used > 0 && open.used + size > INLINE_BYTES_MAX) this.#seal();
      this.#add(this.#open, stream, offset, bytes, size);
    }
    this.#lastStream = stream;
    this.#lastEnd = offset + bytes.length;
  }

  /** Another record. */
  #add(open: TapeChunk, stream: RunStream, offset: number, bytes: Uint8Array, size: number): void {
    const memory = open.room(size, INLINE_BYTES_MAX);
    this.#lastAt = open.used;
    this.#lastLength = bytes.length;
    writeHeader(memory, open.used, stream, offset, bytes.length);
    memory.set(bytes, open.used + RECORD_HEADER_BYTES);
    open.advance(size);
  }

  #seal(): void {
    const sealed = this.#open;
    this.#sealed.push(sealed);
    this.#open = new TapeChunk(sealed.end);
    this.#lastAt = -1;
    if (this.#isFileClosed) this.#shrink();
    else if (!this.#isWriting) this.#writing = this.#write();
  }

  /** Whether whoever fills it should wait for `onRoom`. */
  get isFull(): boolean {
    return this.#sealed.bytes > (this.#isFileClosed ? WINDOW_BYTES_MAX : UNWRITTEN_BYTES_MAX);
  }

  /** Called once when it is not full any more. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener;
    if (this.#isFileClosed) this.#lookLater();
    else if (this.#sealed.hasWritten) this.#waitForClose();
  }

  block(at: number, isLent: boolean): PackedBlock | Promise<PackedBlock | null> {
    // Whoever asks has read what lies before.
    if (this.#isFileClosed) this.#shrink();
    else this.#letGo();
    if (at >= this.#open.at) return this.#open.lend(this.isOver);
    const chunk = this.#sealed.at(at);
    if (chunk !== undefined) return chunk.lend(true);
    return at < this.#written ? this.#fromFile(at, isLent) : this.#oldest();
  }

  async #fromFile(at: number, isLent: boolean): Promise<PackedBlock> {
    try {
      const file = this.#isKept ? await this.#finishedFile() : this.#writer;
      const block = file === undefined || file === null ? null : await blockOf(file, at, this.#written, isLent);
      if (block !== null) return block;
    } catch (error) {
      // It may have been closed in the middle of the read; the finished one has the same.
      if (this.#isKept) return this.#again(at, isLent);
      this.#options.onFileFailure(error);
    }
    return this.#oldest();
  }

  async #again(at: number, isLent: boolean): Promise<PackedBlock> {
    try {
      const file = await this.#finishedFile();
      const block = file === undefined ? null : await blockOf(file, at, this.#written, isLent);
      if (block !== null) return block;
    } catch (error) {
      this.#options.onFileFailure(error);
    }
    return this.#oldest();
  }

  #finishedFile(): Promise<RunFileReader | undefined> {
    this.#finished ??= this.#files.open(this.#runId);
    return this.#finished;
  }

  #closeFile(): void {
    const finished = this.#finished;
    this.#finished = null;
    finished?.then((file) => file?.close()).catch(() => {});
  }

  /** The first that is still in memory. */
  #oldest(): PackedBlock {
    return this.#sealed.first?.lend(true) ?? this.#open.lend(this.isOver);
  }

  changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiters.add(wake);
    });
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  /** Writes sealed chunks to the file, in order, until there are none. Never rejects. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      this.#writer ??= await this.#files.create(this.#runId);
      const max = this.#options.fileBytesMax ?? RUN_FILE_BYTES_MAX;
      for (let left = this.#sealed.unwritten; left.length > 0; left = this.#sealed.unwritten) {
        const batch: TapeChunk[] = [];
        let size = 0;
        for (const chunk of left) {
          if (this.#written + size + chunk.used > max) break;
          batch.push(chunk);
          size += chunk.used;
        }
        if (batch.length === 0) {
          this.#isFileClosed = true;
          break;
        }
        await this.#writer.write(batch.map(({ bytes }) => bytes));
        this.#written += size;
        this.#sealed.wrote(batch.length);
        this.#letGo();
        if (this.#onRoom !== null && this.#sealed.hasWritten) this.#waitForClose();
      }
    } catch (error) {
      this.#hasFileFailed = true;
      this.#isFileClosed = true;
      this.#options.onFileFailure(error);
    }
    this.#isWriting = false;
    if (!this.#isFileClosed) return;
    this.#sealed.dropWritten();
    this.#shrink();
  }

  /** Once the file takes no more: drops what no active reader needs, beyond the window. */
  #shrink(): void {
    if (!this.#isFileClosed || this.isOver) return;
    const needed = this.#oldestNeeded();
    while (this.#sealed.bytes > WINDOW_BYTES_MAX && needed >= (this.#sealed.first?.end ?? Infinity)) this.#sealed.dropFirst();
    this.#tellRoom();
    if (this.#onRoom !== null) this.#lookLater();
  }

  /** Drops what the file has and no active reader that is in memory needs. */
  #letGo(): void {
    if (!this.#sealed.hasWritten) return;
    this.#sealed.dropWritten(this.#oldestNeeded(this.#sealed.first?.at));
    this.#tellRoom();
  }

  /** Of active readers that are at an offset or beyond. */
  #oldestNeeded(from = 0): number {
    let oldest = Infinity;
    for (const reader of this.#readers) if (reader.at < oldest && reader.at >= from && reader.isActive) oldest = reader.at;
    return oldest;
  }

  /** Those that follow closely have read on by then, or go on in the file. */
  #waitForClose(): void {
    this.#closeTimer ??= setTimeout(() => {
      this.#closeTimer = null;
      if (this.#onRoom !== null) this.#sealed.dropWritten();
      this.#tellRoom();
    }, CLOSE_MS);
  }

  #tellRoom(): void {
    // Where it waited for readers, it goes on for a while before it does so again.
    if (this.#onRoom === null || this.isFull || (this.#sealed.hasWritten && this.#sealed.bytes > UNWRITTEN_BYTES_MAX / 2)) return;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#closeTimer = null;
    const tell = this.#onRoom;
    this.#onRoom = null;
    tell();
  }

  #lookLater(): void {
    this.#look ??= setTimeout(() => {
      this.#look = null;
      this.#shrink();
    }, LOOK_MS);
  }

  /** The run is over: readers get its end after what is left. */
  finish(run: RunRecord): void {
    this.#run = run;
    if (this.#look !== null) clearTimeout(this.#look);
    this.#look = null;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#closeTimer = null;
    this.#onRoom = null;
    this.#wake();
  }

  /** Whether all of it is in memory, so that `keepInline` has it. */
  get isInline(): boolean {
    return this.#open.at === 0 && this.#open.used <= INLINE_BYTES_MAX;
  }

  /** The whole output, where `isInline`. */
  keepInline(): StoredOutput {
    return this.#open.used === 0 ? { kind: "none" } : { kind: "inline", packed: this.#open.bytes };
  }

  /** Writes the rest to the file and finishes it; after `finish`. Where that fails, the tail that a row can hold is what is kept. */
  async keep(hostId: string): Promise<StoredOutput> {
    if (this.isInline) return this.keepInline();
    if (this.#open.used > 0) this.#seal();
    while (this.#isWriting) await this.#writing;
    this.#sealed.dropWritten();
    const writer = this.#writer;
    if (writer !== null && !this.#hasFileFailed) {
      try {
        // Beyond its bound the file gets the very end: what is missing lies before that.
        const rest = this.#sealed.unwritten.map(({ bytes }) => bytes);
        await writer.write(rest);
        await writer.finish();
        this.#isKept = true;
        this.#writer = null;
        await writer.close();
        return { kind: "file", hostId, bytes: this.#written + this.#sealed.bytes };
      } catch (error) {
        this.#options.onFileFailure(error);
      }
    }
    await writer?.discard();
    this.#writer = null;
    this.#written = 0;
    const tail = this.#sealed.last?.bytes;
    return tail === undefined || tail.length > INLINE_BYTES_MAX + RECORD_HEADER_BYTES ? { kind: "none" } : { kind: "inline", packed: tail };
  }
}
