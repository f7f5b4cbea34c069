/** An image archive that a team uploaded. */
export interface KeptArchive {
  /** `im-…`; follows from its content. */
  readonly id: string;
  /** On this server's disk. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Unix milliseconds of its last use. */
  readonly usedAt: number;
}

/** Image archives between their upload and the builds that use them. Throws `ImageError`, and `HostFullError` for the disk. */
export interface ImageUploads {
  /**
   * Keeps it as a whole; what the source throws leaves nothing. An archive that is there already is the same one. Where the team has as
   * many as it may have, with those under way, nothing is written: `null`, but for one that is there already.
   */
  save(teamId: string, source: AsyncIterable<Uint8Array>): Promise<KeptArchive | null>;
  /** Counts as a use. `undefined` for a text that is no id, too. */
  find(teamId: string, id: string): Promise<KeptArchive | undefined>;
  /** Whether it was there. */
  remove(teamId: string, id: string): Promise<boolean>;
  /** Removes what was last used before that time, and what uploads left that were cut off. */
  removeUnused(before: number): Promise<number>;
}
