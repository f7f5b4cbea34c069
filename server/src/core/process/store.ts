import type { Actor } from "@capsuled/contract";
import type { Handle } from "../ports/driver.ts";
import type { ProcessEndFacts, ProcessRecord, ProcessStart } from "./record.ts";

/** One entry of an agent's process log, ready to be stored. */
export interface ImportedEntry {
  readonly process: ProcessStart;
  readonly actor: Actor;
  /** `null`: it has started. */
  readonly end: { readonly facts: ProcessEndFacts; readonly endedAt: number } | null;
}

export interface LogBatch {
  readonly capsuleId: string;
  readonly teamId: string;
  /** The machine whose log it is: nothing is stored once the capsule has another one, or none. */
  readonly handle: Handle;
  readonly entries: readonly ImportedEntry[];
  /** The entry to read next. */
  readonly cursor: number;
}

/** Processes that were started through the API and their ends. Throws `StoreUnavailableError`. */
export interface ProcessStore {
  /**
   * Stores a batch with its events and the cursor in one transaction. What is known already is left as it is, so a repeat changes
   * nothing: a start counts once, and an end once. `false` when the capsule's machine is not that one any more.
   */
  importLog(batch: LogBatch): Promise<boolean>;
  /** By id, pid or tag: one that runs first, else the latest that was started. */
  find(capsuleId: string, selector: string): Promise<ProcessRecord | undefined>;
  /** Removes a team's processes that ended before `before`, and the longest ended beyond `perTeamMax`, at most `batch` at once. Returns how many. */
  removeEnded(teamId: string, before: number, perTeamMax: number, batch: number): Promise<number>;
}
