/** A notification of a run's end, as the store knows it. Times are unix milliseconds. */
export interface NotificationRecord {
  readonly runId: string;
  readonly teamId: string;
  readonly endpointId: string;
  /** As the endpoint had it when the run ended. */
  readonly url: string;
  readonly status: NotificationStatus;
  /** Attempts that have ended. */
  readonly attempts: number;
  /** null once it is not pending any more. */
  readonly nextAttemptAt: number | null;
  /** HTTP status of the last attempt; null where there was no answer. */
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  /** Until when an attempt under way is somebody's. */
  readonly claimedUntil: number | null;
  readonly createdAt: number;
}

export const NOTIFICATION_STATUSES = ["pending", "delivered", "failed"] as const;
export type NotificationStatus = (typeof NOTIFICATION_STATUSES)[number];
