import type { BuildChange, BuildEnd, BuildRecord, NumberedEntry } from "./record.ts";

/** Where builds and their logs are kept. Throws `StoreUnavailableError` when the database cannot be reached, is locked or read-only. */
export interface BuildStore {
  insert(record: BuildRecord): Promise<void>;
  find(id: string): Promise<BuildRecord | undefined>;
  /** A team's, newest first. */
  list(teamId: string, limit: number): Promise<readonly BuildRecord[]>;
  /** Those of a host that have no end. */
  listUnfinished(hostId: string): Promise<readonly BuildRecord[]>;
  countUnfinished(teamId: string): Promise<number>;
  /** Nothing once the build has ended. */
  change(id: string, change: BuildChange): Promise<void>;
  /** The end of a build and of its log, what is left of that before it, in one transaction. `false`, and nothing stored, when it has one already. */
  conclude(id: string, end: BuildEnd, rest: readonly NumberedEntry[]): Promise<boolean>;
  appendLog(id: string, entries: readonly NumberedEntry[]): Promise<void>;
  /** Entries after that number, in order. */
  readLog(id: string, after: number, limit: number): Promise<readonly NumberedEntry[]>;
  /** Removes builds that ended before then with their logs, and of each team all but the newest. Resolves with how many. */
  removeOld(endedBefore: number, teamKeeps: number): Promise<number>;
}
