/**
 * Says which of several servers on one database does a piece of periodic work. Not a lock: a holder that stalls past its
 * lease may overlap with the next one, so what is done under it must be safe to do twice.
 */
export interface Leases {
  /** Takes or renews the lease `name` until `now + ttlMs`; `false` while another holder has it. Throws `StoreUnavailableError`. */
  acquire(name: string, holder: string, now: number, ttlMs: number): Promise<boolean>;
  /** Gives it up early; does nothing when another holder has it. */
  release(name: string, holder: string): Promise<void>;
}
