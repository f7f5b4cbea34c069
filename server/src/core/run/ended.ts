import type { EndpointRecord } from "../endpoint/record.ts";
import type { RunRecord } from "./record.ts";
import { isEnded } from "./record.ts";

/** A notification to be sent: a row beside the run's. */
export interface NotificationDraft {
  readonly runId: string;
  readonly teamId: string;
  readonly endpointId: string;
  readonly url: string;
  /** Unix milliseconds; it is due at once. */
  readonly createdAt: number;
}

/** What of an endpoint says whom its runs' ends are told to. */
export interface NotifyingEndpoint {
  readonly definition: Pick<EndpointRecord["definition"], "notify_url" | "notify_on">;
}

/**
 * The notification that a run's end asks for, or null. Whoever stores the end gives it to `RunStore.save` (or `insert`) with the run,
 * so that both are stored or neither, and no crash lies between them.
 */
export function notificationOf(run: RunRecord, endpoint: NotifyingEndpoint): NotificationDraft | null {
  const { notify_url: url, notify_on: on } = endpoint.definition;
  if (url === undefined || !isEnded(run.status)) return null;
  if (on === "success" && run.status !== "succeeded") return null;
  if (on === "failure" && run.status === "succeeded") return null;
  return { runId: run.id, teamId: run.teamId, endpointId: run.endpointId, url, createdAt: run.endedAt ?? run.createdAt };
}
