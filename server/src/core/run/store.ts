import type { NotificationDraft } from "./ended.ts";
import type { RunFilter } from "./service.ts";
import type { RunRecord } from "./record.ts";

/** What a queued run needs to start, also by another start of the server: sealed under `run/<id>`. */
export interface SealedInput {
  readonly sealed: string;
}

/** The output of an ended run: records in order, as `run-journal.ts` packs them; small ones stand in the row, larger ones in a file of the host. */
export type StoredOutput =
  | { readonly kind: "none" }
  | { readonly kind: "inline"; readonly packed: Uint8Array }
  | { readonly kind: "file"; readonly hostId: string; readonly bytes: number };

/** Which of a team's runs are kept. */
export interface KeptRuns {
  /** Those that ended since, in unix milliseconds. */
  readonly since: number;
  /** The newest so many, and of them the newest whose outputs have together so many bytes. */
  readonly runsMax: number;
  readonly bytesMax: number;
}

/** Runs and their outputs. Throws `StoreUnavailableError`. */
export interface RunStore {
  /** Stores new runs (with what they need to start, and the notification of one that has ended already), one transaction; one whose (endpoint, dedupe) is taken is left out and the holder given back by id. */
  insert(
    runs: readonly { readonly run: RunRecord; readonly input: SealedInput | null; readonly notification?: NotificationDraft | null }[],
  ): Promise<ReadonlyMap<string, RunRecord>>;
  /** Writes the newest facts of runs (insert or update, whole rows), one transaction; the input of an ended one is dropped. An ended run never changes again. A notification (`notificationOf`) is stored with its run's end. */
  save(
    runs: readonly { readonly run: RunRecord; readonly output: StoredOutput | null; readonly notification?: NotificationDraft | null }[],
  ): Promise<void>;
  find(id: string): Promise<RunRecord | undefined>;
  findByDedupe(endpointId: string, dedupe: string): Promise<RunRecord | undefined>;
  output(id: string): Promise<StoredOutput>;
  input(id: string): Promise<SealedInput | undefined>;
  list(teamId: string, filter: RunFilter): Promise<{ readonly items: readonly RunRecord[]; readonly nextCursor: string | null }>;
  /** Runs of a host that have not ended, the oldest first. */
  listOpen(hostId: string): Promise<readonly RunRecord[]>;
  latestEnded(endpointId: string): Promise<RunRecord | undefined>;
  /** Removes a team's ended runs that are kept too long or are too many, the oldest first; gives those whose output is a file. */
  removeOld(teamId: string, kept: KeptRuns, batch: number): Promise<{ readonly removed: number; readonly files: readonly string[] }>;
}
