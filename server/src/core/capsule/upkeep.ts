import type { CapsuleState } from "./state.ts";

/** What the loops and the metrics ask of the capsules' rows. Throws `StoreUnavailableError`. */
export interface CapsuleUpkeep {
  /** How many capsules of a host are in each state; states without any are left out. */
  countByState(hostId: string): Promise<ReadonlyMap<CapsuleState, number>>;
  /** Forgets up to `limit` capsules that were destroyed before `before`, oldest first; returns how many. */
  removeDestroyed(before: number, limit: number): Promise<number>;
}
