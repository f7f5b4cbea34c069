import { createHash } from "node:crypto";
import type { JournalRecord } from "./frames.ts";
import { RECORD_BYTES_MAX } from "./frames.ts";
import { incompleteTail } from "./utf8-tail.ts";

/** Bytes that a process's journal keeps by default. */
export const JOURNAL_BYTES = 4 * 1024 * 1024;
/** Dropped records whose place in the streams is remembered, for the byte counts of a gap. */
const DROPPED_PLACES = 4096;

export interface Gap {
  readonly from_seq: number;
  readonly to_seq: number;
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
}

/** Somebody who reads the journal as it grows. */
export interface JournalReader {
  /** The record it wants next. */
  readonly position: number;
  /** There is more to read, or the process has ended. */
  notify(): void;
  /** It stalled the process for too long and is cut off. */
  drop(): void;
}

interface Place {
  readonly stdout: number;
  readonly stderr: number;
}

/** What a process printed, in order, up to a bound: the oldest records go first. */
export class Journal {
  readonly #bytesMax: number;
  #records: JournalRecord[] = [];
  #bytes = 0;
  /** Where each record began in both streams; the first entry belongs to record `#firstPlace`. */
  #places: Place[] = [];
  #firstPlace = 1;
  nextSeq = 1;
  readonly #size = { stdout: 0, stderr: 0 };
  readonly #digest = { stdout: createHash("sha256"), stderr: createHash("sha256") };
  readonly #tail = { stdout: new Uint8Array(0), stderr: new Uint8Array(0) };
  readonly readers = new Set<JournalReader>();
  /** Told when a reader has read on or left. */
  onProgress: (() => void) | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get stdoutBytes(): number {
    return this.#size.stdout;
  }

  get stderrBytes(): number {
    return this.#size.stderr;
  }

  /** SHA-256 of all that a stream ever had, in hex. */
  digest(kind: "stdout" | "stderr"): string {
    return this.#digest[kind].copy().digest("hex");
  }

  /** The incomplete UTF-8 sequence that a stream ends with so far. */
  tail(kind: "stdout" | "stderr"): Uint8Array {
    return this.#tail[kind];
  }

  /** The oldest record kept, or the next one. */
  get firstSeq(): number {
    return this.#records[0]?.seq ?? this.nextSeq;
  }

  /** The readers that have not read what must go if `bytes` more are written. */
  behind(bytes: number): readonly JournalReader[] {
    const [oldest] = this.#records;
    if (oldest === undefined || this.#bytes + bytes <= this.#bytesMax) return [];
    return [...this.readers].filter((reader) => reader.position <= oldest.seq);
  }

  append(kind: "stdout" | "stderr", bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += RECORD_BYTES_MAX) this.#appendRecord(kind, bytes.slice(at, at + RECORD_BYTES_MAX));
  }

  /** The records of one stream that are kept, oldest first. */
  kept(kind: "stdout" | "stderr"): readonly JournalRecord[] {
    return this.#records.filter((record) => record.kind === kind);
  }

  /** The record, or the gap that stands in its place; `null` when it is not written yet. */
  read(seq: number): JournalRecord | Gap | null {
    const first = this.firstSeq;
    if (seq >= first) return this.#records[seq - first] ?? null;
    const from = this.#place(seq);
    const to = this.#place(first);
    return { from_seq: seq, to_seq: first - 1, stdout_bytes: to.stdout - from.stdout, stderr_bytes: to.stderr - from.stderr };
  }

  #place(seq: number): Place {
    if (seq === 1) return { stdout: 0, stderr: 0 };
    return this.#places[Math.max(0, seq - this.#firstPlace)] ?? { ...this.#size };
  }

  #appendRecord(kind: "stdout" | "stderr", bytes: Uint8Array): void {
    const tail = this.#tail[kind];
    this.#digest[kind].update(bytes);
    this.#places.push({ ...this.#size });
    this.#records.push({ kind, seq: this.nextSeq, offset: this.#size[kind], timeUs: Date.now() * 1000, tail, bytes });
    this.#tail[kind] = Uint8Array.from(incompleteTail(Buffer.concat([tail, bytes])));
    this.nextSeq += 1;
    this.#size[kind] += bytes.length;
    this.#bytes += bytes.length;
    while (this.#bytes > this.#bytesMax && this.#records.length > 1) this.#bytes -= this.#records.shift()?.bytes.length ?? 0;
    while (this.#firstPlace < this.firstSeq - DROPPED_PLACES) {
      this.#places.shift();
      this.#firstPlace += 1;
    }
    for (const reader of this.readers) reader.notify();
  }
}
