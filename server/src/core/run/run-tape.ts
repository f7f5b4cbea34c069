import type { RunFileReader, RunFiles, RunFileWriter } from "../ports/run-files.ts";
import { PackedMarks } from "./packed-marks.ts";
import type { PackedBlock, PackedSource, SourceReader } from "./packed-source.ts";
import type { RunRecord } from "./record.ts";
import type { RunStream } from "./run-journal.ts";
import { RECORD_BYTES_MAX, RECORD_HEADER_BYTES, writeHeader, writeLength } from "./run-journal.ts";
import type { StoredOutput } from "./store.ts";

/** Bytes of packed output that stay in memory and then in the run's row; more goes to a file. */
export const INLINE_BYTES_MAX = 64 * 1024;
/** Bytes of a run's file at most, as much as the agent's journal of one process. */
export const RUN_FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes not yet in the file, beyond which the agent is asked to wait. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;
/** Bytes kept for readers that follow closely, once the file takes no more. */
const WINDOW_BYTES_MAX = 512 * 1024;
/** Bytes that a reader gets of a file at a time. */
const FILE_BLOCK_BYTES = 256 * 1024;
/** Milliseconds between two looks whether readers that hold the run back are still active. */
const LOOK_MS = 250;

interface SealedChunk {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface TapeOptions {
  readonly fileBytesMax?: number;
  readonly onFileFailure: (error: unknown) => void;
}

/**
 * What a run under way prints: the latest in memory, and once it is more than a row holds, all of it in a file as well. Any number of
 * readers read it at their own pace; memory is bounded whatever they do. Only where the file takes no more (its bound, a full disk)
 * the run waits for readers that are active; one that has stalled gets a gap.
 */
export class RunTape implements PackedSource {
  readonly marks = new PackedMarks();
  readonly #files: RunFiles;
  readonly #runId: string;
  readonly #options: TapeOptions;
  #open = new Uint8Array(0);
  #openAt = 0;
  #openUsed = 0;
  /** The last record of the open chunk. */
  #lastAt = -1;
  #lastStream: RunStream = "stdout";
  #lastEnd = 0;
  #lastLength = 0;
  #stdoutEnd = 0;
  #stderrEnd = 0;
  readonly #sealed: SealedChunk[] = [];
  #sealedBytes = 0;
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

  constructor(files: RunFiles, runId: string, options: TapeOptions) {
    this.#files = files;
    this.#runId = runId;
    this.#options = options;
  }

  get end(): number {
    return this.#openAt + this.#openUsed;
  }

  /** Bytes of output that it has in memory. */
  get memoryBytes(): number {
    return this.#sealedBytes + this.#open.length;
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
    const grows = this.#lastAt >= 0 && this.#lastStream === stream && this.#lastEnd === offset;
    if (grows && this.#openUsed + bytes.length <= INLINE_BYTES_MAX) {
      this.#reserve(bytes.length);
      this.#open.set(bytes, this.#openUsed);
      this.#lastLength += bytes.length;
      writeLength(this.#open, this.#lastAt, this.#lastLength);
      this.#openUsed += bytes.length;
    } else {
      const size = RECORD_HEADER_BYTES + bytes.length;
      if (this.#openUsed > 0 && this.#openUsed + size > INLINE_BYTES_MAX) this.#seal();
      this.#reserve(size);
      this.#lastAt = this.#openUsed;
      this.#lastLength = bytes.length;
      writeHeader(this.#open, this.#openUsed, stream, offset, bytes.length);
      this.#open.set(bytes, this.#openUsed + RECORD_HEADER_BYTES);
      this.#openUsed += size;
    }
    this.#lastStream = stream;
    this.#lastEnd = offset + bytes.length;
  }

  #reserve(more: number): void {
    const needed = this.#openUsed + more;
    if (needed <= this.#open.length) return;
    const size = this.#openUsed === 0 ? needed : Math.max(needed, Math.min(INLINE_BYTES_MAX, this.#open.length * 4, 4096 + needed * 2));
    const larger = new Uint8Array(size);
    larger.set(this.#open.subarray(0, this.#openUsed));
    this.#open = larger;
  }

  #seal(): void {
    this.#sealed.push({ at: this.#openAt, bytes: this.#open.subarray(0, this.#openUsed) });
    this.#sealedBytes += this.#openUsed;
    this.#openAt += this.#openUsed;
    this.#open = new Uint8Array(0);
    this.#openUsed = 0;
    this.#lastAt = -1;
    if (this.#isFileClosed) this.#shrink();
    else if (!this.#isWriting) this.#writing = this.#write();
  }

  /** Whether whoever fills it should wait for `onRoom`. */
  get isFull(): boolean {
    return this.#sealedBytes > (this.#isFileClosed ? WINDOW_BYTES_MAX : UNWRITTEN_BYTES_MAX);
  }

  /** Called once when it is not full any more. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener;
    if (this.#isFileClosed) this.#lookLater();
  }

  block(at: number): PackedBlock | Promise<PackedBlock | null> {
    if (at >= this.#openAt) return { at: this.#openAt, bytes: this.#open.subarray(0, this.#openUsed), isSealed: this.isOver };
    const first = this.#sealed[0];
    if (first !== undefined && at >= first.at) {
      const chunk = this.#sealed.findLast((one) => one.at <= at) ?? first;
      return { ...chunk, isSealed: true };
    }
    return at < this.#written ? this.#fromFile(at) : this.#oldest();
  }

  async #fromFile(at: number): Promise<PackedBlock> {
    const length = Math.min(FILE_BLOCK_BYTES, this.#written - at);
    try {
      const bytes = this.#isKept ? await this.#fromFinished(at, length) : await this.#writer?.read(at, length);
      if (bytes !== undefined && bytes.length > 0) return { at, bytes, isSealed: true };
    } catch (error) {
      // It may have been closed in the middle of the read; the finished one has the same.
      if (this.#isKept) return this.#again(at);
      this.#options.onFileFailure(error);
    }
    return this.#oldest();
  }

  async #again(at: number): Promise<PackedBlock> {
    try {
      const bytes = await this.#fromFinished(at, Math.min(FILE_BLOCK_BYTES, this.#written - at));
      if (bytes !== undefined && bytes.length > 0) return { at, bytes, isSealed: true };
    } catch (error) {
      this.#options.onFileFailure(error);
    }
    return this.#oldest();
  }

  async #fromFinished(at: number, length: number): Promise<Uint8Array | undefined> {
    this.#finished ??= this.#files.open(this.#runId);
    return (await this.#finished)?.read(at, length);
  }

  #closeFile(): void {
    const finished = this.#finished;
    this.#finished = null;
    finished?.then((file) => file?.close()).catch(() => {});
  }

  /** The first that is still in memory. */
  #oldest(): PackedBlock {
    const first = this.#sealed[0];
    if (first !== undefined) return { ...first, isSealed: true };
    return { at: this.#openAt, bytes: this.#open.subarray(0, this.#openUsed), isSealed: this.isOver };
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
      while (this.#sealed.length > 0) {
        const batch: SealedChunk[] = [];
        let size = 0;
        for (const chunk of this.#sealed) {
          if (this.#written + size + chunk.bytes.length > max) break;
          batch.push(chunk);
          size += chunk.bytes.length;
        }
        if (batch.length === 0) {
          this.#isFileClosed = true;
          break;
        }
        await this.#writer.write(batch.map(({ bytes }) => bytes));
        this.#written += size;
        this.#sealed.splice(0, batch.length);
        this.#sealedBytes -= size;
        this.#tellRoom();
      }
    } catch (error) {
      this.#hasFileFailed = true;
      this.#isFileClosed = true;
      this.#options.onFileFailure(error);
    }
    this.#isWriting = false;
    if (this.#isFileClosed) this.#shrink();
  }

  /** Once the file takes no more: drops what no active reader needs, beyond the window. */
  #shrink(): void {
    if (!this.#isFileClosed || this.isOver) return;
    const needed = this.#oldestNeeded();
    while (this.#sealedBytes > WINDOW_BYTES_MAX) {
      const first = this.#sealed[0];
      if (first === undefined || needed < first.at + first.bytes.length) break;
      this.#sealed.shift();
      this.#sealedBytes -= first.bytes.length;
    }
    this.#tellRoom();
    if (this.#onRoom !== null) this.#lookLater();
  }

  #oldestNeeded(): number {
    let oldest = Infinity;
    for (const reader of this.#readers) if (reader.isActive && reader.at < oldest) oldest = reader.at;
    return oldest;
  }

  #tellRoom(): void {
    if (this.isFull || this.#onRoom === null) return;
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
    this.#onRoom = null;
    this.#wake();
  }

  /** Whether all of it is in memory, so that `keepInline` has it. */
  get isInline(): boolean {
    return this.#openAt === 0 && this.#openUsed <= INLINE_BYTES_MAX;
  }

  /** The whole output, where `isInline`. */
  keepInline(): StoredOutput {
    return this.#openUsed === 0 ? { kind: "none" } : { kind: "inline", packed: this.#open.subarray(0, this.#openUsed) };
  }

  /** Writes the rest to the file and finishes it; after `finish`. Where that fails, the tail that a row can hold is what is kept. */
  async keep(hostId: string): Promise<StoredOutput> {
    if (this.isInline) return this.keepInline();
    if (this.#openUsed > 0) this.#seal();
    while (this.#isWriting) await this.#writing;
    const writer = this.#writer;
    if (writer !== null && !this.#hasFileFailed) {
      try {
        // Beyond its bound the file gets the very end: what is missing lies before that.
        const rest = this.#sealed.map(({ bytes }) => bytes);
        await writer.write(rest);
        await writer.finish();
        this.#isKept = true;
        this.#writer = null;
        await writer.close();
        return { kind: "file", hostId, bytes: this.#written + this.#sealedBytes };
      } catch (error) {
        this.#options.onFileFailure(error);
      }
    }
    await writer?.discard();
    this.#writer = null;
    this.#written = 0;
    const tail = this.#sealed.at(-1)?.bytes;
    return tail === undefined || tail.length > INLINE_BYTES_MAX + RECORD_HEADER_BYTES ? { kind: "none" } : { kind: "inline", packed: tail };
  }
}
