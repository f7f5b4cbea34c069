import type { PackedMarks } from "./packed-marks.ts";
import type { RunRecord } from "./record.ts";

/** Packed bytes that begin at a record. */
export interface PackedBlock {
  /** Offset of the first byte; later than what was asked for when that is not kept. */
  readonly at: number;
  readonly bytes: Uint8Array;
  /** Whether its last record will never grow. */
  readonly isSealed: boolean;
  /** To be called once by a reader that looks at none of it any more: its memory may serve for others. Who never does keeps it. */
  readonly giveBack?: () => void;
}

/** A run's output in packed form, as far as it has come. */
export interface PackedSource {
  /** Where its readers have come by. */
  readonly marks: PackedMarks;
  /** Packed bytes so far. */
  readonly end: number;
  /** Whether nothing follows any more. */
  readonly isOver: boolean;
  /**
   * The block that holds the record at `at` (below `end`): no promise where it is in memory. `null`: from here on nothing is kept.
   * `isLent`: the reader will give it back.
   */
  block(at: number, isLent: boolean): PackedBlock | Promise<PackedBlock | null>;
  /** Resolves when there is more, or it is over, or after `ms`. */
  changed(ms: number): Promise<void>;
  /** The run, once it is over. */
  readonly run: RunRecord;
  /** A reader comes and goes, and tells how far it is, so that what it needs next is kept for it while it reads. */
  enter(reader: SourceReader): void;
  leave(reader: SourceReader): void;
}

export interface SourceReader {
  /** Offset of the record it needs next. */
  readonly at: number;
  /** Whether it took something lately, or waits for more. */
  readonly isActive: boolean;
}
