import type { Day } from "./day.ts";

/** What a team's running capsules had on one day, summed over them: time, cores times time, MiB times time. */
export interface DayUsage {
  readonly teamId: string;
  readonly day: Day;
  readonly capsuleMs: number;
  readonly vcpuMs: number;
  readonly memoryMbMs: number;
}

/** Up to when a host's time is counted, by both its clocks. */
export interface Mark {
  /** By the steady one. */
  readonly steadyMs: number;
  /** The same moment in unix milliseconds, as the clock on the wall had it. */
  readonly at: number;
}

/** Where daily sums are kept. Throws `StoreUnavailableError`. */
export interface UsageStore {
  /** `null` before the host's first server. */
  mark(hostId: string): Promise<Mark | null>;
  /**
   * Adds to the days' sums and moves the host's mark from `from` to `to`, in one transaction, so that a repeat after a lost answer adds
   * nothing. Returns the mark that holds then: another one than `to` means that nothing was added.
   */
  add(hostId: string, from: Mark | null, to: Mark, sums: readonly DayUsage[]): Promise<Mark | null>;
  /** The team's days from `first` to `last` that have a sum, oldest first. */
  list(teamId: string, first: Day, last: Day): Promise<readonly DayUsage[]>;
  /** Removes the oldest day of all teams, where that is before `before`. Returns how many rows went. */
  removeOldest(before: Day): Promise<number>;
}
