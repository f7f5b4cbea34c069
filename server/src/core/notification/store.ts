import type { NotificationRecord } from "./record.ts";

/** What an attempt changes. */
export type NotificationChange = Pick<NotificationRecord, "status" | "attempts" | "nextAttemptAt" | "lastStatus" | "lastError">;

/** Notifications; made with the runs' ends (`RunStore`), and gone with the runs. Throws `StoreUnavailableError`. */
export interface NotificationStore {
  /** By the run's id; those without one are left out. */
  find(runIds: readonly string[]): Promise<ReadonlyMap<string, NotificationRecord>>;
  /** Pending ones that are due and nobody's, the longest due first, without those of the given endpoints and teams. */
  listDue(
    now: number,
    limit: number,
    without: { readonly endpointIds: readonly string[]; readonly teamIds: readonly string[] },
  ): Promise<readonly NotificationRecord[]>;
  /** Takes one as it was seen until `until`; `false` when another did, or it has changed. */
  claim(seen: NotificationRecord, now: number, until: number): Promise<boolean>;
  /** Writes down an attempt and gives the claim up; `false` when the claim `until` is not the last one any more. */
  settle(runId: string, until: number, change: NotificationChange): Promise<boolean>;
  /** Fails all of an endpoint that are pending for this URL and nobody's. Returns how many. */
  stop(endpointId: string, url: string, now: number, message: string): Promise<number>;
}
