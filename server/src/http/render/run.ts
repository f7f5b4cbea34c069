import type { notification, run } from "@capsuled/contract";
import type { z } from "zod";
import type { NotificationRecord } from "../../core/notification/record.ts";
import type { RunRecord } from "../../core/run/record.ts";
import { timestamp, timestampOrNull } from "./time.ts";

const DELIVERY = "delivery/";

/** A run with what became of its notification, where it has one. */
export function renderRun(record: RunRecord, sent: NotificationRecord | null): z.output<typeof run> {
  return {
    id: record.id,
    endpoint: record.endpointName,
    status: record.status,
    reason: record.reason,
    error: record.error,
    exit_code: record.exitCode,
    signal: record.signal,
    source: record.source,
    key_id: record.keyId,
    args: record.args === null ? null : { ...record.args },
    delivery_id: record.dedupe?.startsWith(DELIVERY) === true ? record.dedupe.slice(DELIVERY.length) : null,
    created_at: timestamp(record.createdAt),
    started_at: timestampOrNull(record.startedAt),
    ended_at: timestampOrNull(record.endedAt),
    duration_ms: record.durationMs,
    stdout_bytes: record.stdoutBytes,
    stderr_bytes: record.stderrBytes,
    capsule_id: record.capsuleId,
    process_id: record.startedAt === null ? null : record.processId,
    notification: sent === null ? null : renderNotification(sent),
  };
}

function renderNotification(sent: NotificationRecord): z.output<typeof notification> {
  return {
    status: sent.status,
    attempts: sent.attempts,
    last_status: sent.lastStatus,
    last_error: sent.lastError,
    next_attempt_at: timestampOrNull(sent.nextAttemptAt),
  };
}
