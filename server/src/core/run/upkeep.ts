/** What the sweep asks of the runs' rows. Throws `StoreUnavailableError`. */
export interface RunUpkeep {
  /** Capsules of a host that were an ended run's own and are still there. */
  listLeftCapsules(hostId: string, limit: number): Promise<readonly string[]>;
}
