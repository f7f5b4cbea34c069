/** A file being written. One call at a time. */
export interface RunFileWriter {
  /** Appends; rejects when the disk is full or fails, and every later call too. */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Bytes from `at` on, of those that are written, read into this memory, of which it returns the part with them: less at the end. */
  read(at: number, into: Uint8Array): Promise<Uint8Array>;
  /** Gives the file its name: only now does `open` find it. */
  finish(): Promise<void>;
  /** After `finish`: reads under way may fail. Never rejects. */
  close(): Promise<void>;
  /** Removes it, in place of `finish`. Never rejects. */
  discard(): Promise<void>;
}

/** A finished file being read. */
export interface RunFileReader {
  read(at: number, into: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Outputs of runs that are too large for a row, as files of this host, by the run's id. Those that were not finished are gone with a crash. */
export interface RunFiles {
  create(runId: string): Promise<RunFileWriter>;
  /** `undefined` when there is none. */
  open(runId: string): Promise<RunFileReader | undefined>;
  /** Repeatable. */
  remove(runId: string): Promise<void>;
  /** Ids of all finished ones. */
  list(): Promise<readonly string[]>;
  /** Removes what an earlier life of this server left unfinished; to be called before any `create`. */
  removeUnfinished(): Promise<void>;
}
