import type { EventDraft } from "../event/record.ts";
import type { TransitionEffects } from "./effects.ts";
import type { CapsuleChange, CapsuleRecord } from "./record.ts";
import type { CapsuleState } from "./state.ts";

export interface CapsuleListFilter {
  readonly teamId: string;
  readonly states: readonly CapsuleState[];
  /** Every pair must match. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Rows at most; newest first (`createdAt`, then `id`, both descending). */
  readonly limit: number;
  /** The last row of the page before. */
  readonly after: { readonly createdAt: number; readonly id: string } | null;
}

/** Where capsules' rows are kept. Throws `StoreUnavailableError` when the database cannot be reached, is locked or read-only. */
export interface CapsuleStore {
  /**
   * Stores a new row and its event in one transaction. Returns what holds the place instead, and stores nothing: the row with the
   * same id, or the team's existing (not destroyed) capsule of the same name.
   */
  insert(record: CapsuleRecord, event: EventDraft): Promise<CapsuleRecord | undefined>;
  /** The same for several: all of them, or none. */
  insertAll(entries: readonly { readonly record: CapsuleRecord; readonly event: EventDraft }[]): Promise<CapsuleRecord | undefined>;
  find(id: string): Promise<CapsuleRecord | undefined>;
  /** The team's capsule that holds this name. */
  findNamed(teamId: string, name: string): Promise<CapsuleRecord | undefined>;
  list(filter: CapsuleListFilter): Promise<readonly CapsuleRecord[]>;
  /** Rows of one host in these states, oldest change first. */
  listOnHost(hostId: string, states: readonly CapsuleState[], limit: number): Promise<readonly CapsuleRecord[]>;
  /** How many of a team's capsules are in these states. */
  count(teamId: string, states: readonly CapsuleState[]): Promise<number>;
  /**
   * Compare-and-set: changes the row only if it still is in `from.state` with `from.version`, and adds one to the version.
   * `stateChangedAt` becomes `at` when the state differs. The effects are stored in the same transaction. Returns the new row, or `undefined` when another change came first.
   */
  transition(
    from: Pick<CapsuleRecord, "id" | "state" | "version">,
    to: CapsuleState,
    change: CapsuleChange,
    at: number,
    effects: TransitionEffects,
  ): Promise<CapsuleRecord | undefined>;
  /** Sets `lastActiveAt` where it is later; touches neither state nor version. One statement or transaction for all. */
  recordActivity(entries: readonly { readonly id: string; readonly lastActiveAt: number }[]): Promise<void>;
}

/** The database is gone, locked beyond the wait, full or read-only. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
}
