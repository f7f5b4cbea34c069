import type { RunSource } from "@capsuled/contract";

/** What the sweep and the scheduler ask of the runs' rows. Throws `StoreUnavailableError`. */
export interface RunUpkeep {
  /** Capsules of a host that were an ended run's own and are still there. */
  listLeftCapsules(hostId: string, limit: number): Promise<readonly string[]>;
  /** Whether a run of an endpoint from this source has not ended, on any host. */
  hasOpen(endpointId: string, source: RunSource): Promise<boolean>;
}
