import type { EventType } from "@capsuled/contract";
import type { EventRecord } from "./record.ts";

export interface EventFilter {
  readonly teamId: string;
  readonly capsuleId: string | null;
  readonly type: EventType | null;
}

export interface EventListFilter extends EventFilter {
  /** Only ids above this one; 0 is all. */
  readonly above: number;
  /** Only ids below this one; `null` is all. */
  readonly below: number | null;
  readonly order: "asc" | "desc";
  readonly limit: number;
}

/** A look at what came after a position. */
export interface EventsAfter {
  /** Oldest first. */
  readonly items: readonly EventRecord[];
  /** The id of the team's newest event that was removed; 0 when none was. */
  readonly horizon: number;
  /** Every event up to this id has been looked at: the position to go on from. */
  readonly position: number;
}

/**
 * Events, read. They are written by the stores of what they tell of, in the transaction of the change itself.
 * An event becomes visible only after every event with a lower id. Throws `StoreUnavailableError`.
 */
export interface EventStore {
  list(filter: EventListFilter): Promise<readonly EventRecord[]>;
  /** The next `limit` events after a position. */
  readAfter(filter: EventFilter, position: number, limit: number): Promise<EventsAfter>;
  /** The id of the newest event of all teams; 0 when there has been none. */
  latestId(): Promise<number>;
  /**
   * Removes a team's events that happened before `before`, and the oldest beyond `perTeamMax`, at most `batch` at once.
   * Returns how many.
   */
  removeOld(teamId: string, before: number, perTeamMax: number, batch: number): Promise<number>;
}
