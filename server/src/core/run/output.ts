import type { RunRecord } from "./record.ts";

/** How much of each stream a reader has had, in bytes; what an event's id says after the run's. */
export interface RunPosition {
  readonly stdout: number;
  readonly stderr: number;
}

export const RUN_BEGIN: RunPosition = { stdout: 0, stderr: 0 };

/** Bytes of a run's output in the order in which they were printed. */
export interface RunOutputChunk {
  readonly kind: "output";
  readonly stream: "stdout" | "stderr";
  /** Of the first byte within its stream. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Bytes that are not kept any more. */
export interface RunGap {
  readonly kind: "gap";
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

export interface RunEnd {
  readonly kind: "end";
  readonly run: RunRecord;
}

export type RunItem = RunOutputChunk | RunGap | RunEnd;

/** What a reader is given by one call. */
export type RunTaken = RunItem | { readonly kind: "idle" } | undefined;

/** A reader of one run at its own pace: it slows nobody, but the run for a moment when it has followed closely and falls behind. */
export interface RunReader {
  /**
   * What comes next, without a promise where it is in memory, else waiting for it for at most `waitMs` (`idle` then). After `end`, and
   * after `close`, `undefined`.
   */
  next(waitMs: number): RunTaken | Promise<RunTaken>;
  close(): void;
}
