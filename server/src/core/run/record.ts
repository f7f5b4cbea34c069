import type { RunReason, RunSource, RunStatus } from "@capsuled/contract";
import type { ArgValues } from "../endpoint/record.ts";

/** One invocation of an endpoint, as the store knows it. */
export interface RunRecord {
  readonly id: string;
  readonly teamId: string;
  readonly endpointId: string;
  readonly endpointName: string;
  readonly status: RunStatus;
  readonly reason: RunReason | null;
  readonly error: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly source: RunSource;
  readonly keyId: string | null;
  /** null for a sensitive endpoint. */
  readonly args: ArgValues | null;
  /** What makes a repeat the same run within its endpoint: an `Idempotency-Key` (`key/…`), a webhook's delivery (`delivery/…`), a scheduled time (`due/…`). */
  readonly dedupe: string | null;
  /** SHA-256 of the request that has the `dedupe`. */
  readonly fingerprint: string | null;
  /** Unix milliseconds, here and below. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly durationMs: number | null;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** The server that runs it. */
  readonly hostId: string;
  /** Chosen with the intent, before the capsule is made. */
  readonly capsuleId: string | null;
  /** Whether the capsule is the run's own, to be destroyed after it. */
  readonly ownsCapsule: boolean;
  readonly processId: string;
  /** How long the end of a caller's patience: unix milliseconds until which a queued run may wait. */
  readonly deadlineAt: number | null;
}

export const ENDED_STATUSES = ["succeeded", "failed", "timed_out", "cancelled", "missed", "error"] as const satisfies readonly RunStatus[];

export function isEnded(status: RunStatus): boolean {
  return status !== "queued" && status !== "running";
}
