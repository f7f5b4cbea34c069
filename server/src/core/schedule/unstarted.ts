import type { EndpointRecord } from "../endpoint/record.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import { notificationOf } from "../run/ended.ts";
import type { RunRecord } from "../run/record.ts";
import type { RunStore } from "../run/store.ts";

/** A scheduled time that came to no process. */
export interface Unstarted {
  readonly dueAt: number;
  readonly status: "missed" | "error";
  readonly reason: NonNullable<RunRecord["reason"]>;
  readonly error: string;
}

export interface UnstartedDeps {
  readonly clock: Clock;
  readonly ids: Pick<Ids, "next">;
  readonly hostId: string;
  readonly runs: Pick<RunStore, "insert">;
}

/** Stores them as ended runs with their notifications; those that are known already stay as they are. */
export async function recordUnstarted(deps: UnstartedDeps, endpoint: EndpointRecord, times: readonly Unstarted[]): Promise<void> {
  if (times.length === 0) return;
  await deps.runs.insert(
    times.map((time) => {
      const run = unstartedRun(deps, endpoint, time);
      return { run, input: null, notification: notificationOf(run, endpoint) };
    }),
  );
}

function unstartedRun(deps: UnstartedDeps, endpoint: EndpointRecord, { dueAt, status, reason, error }: Unstarted): RunRecord {
  const name = dueName(dueAt);
  return {
    id: deps.ids.next("run"),
    teamId: endpoint.teamId,
    endpointId: endpoint.id,
    endpointName: endpoint.name,
    status,
    reason,
    error,
    exitCode: null,
    signal: null,
    source: "schedule",
    keyId: null,
    args: endpoint.definition.sensitive ? null : {},
    dedupe: name,
    fingerprint: name,
    // When it should have run, so that the list has it where it belongs.
    createdAt: dueAt,
    startedAt: null,
    endedAt: deps.clock.now(),
    durationMs: null,
    stdoutBytes: 0,
    stderrBytes: 0,
    hostId: deps.hostId,
    capsuleId: null,
    ownsCapsule: false,
    processId: deps.ids.next("pr"),
    deadlineAt: null,
  };
}

/** What makes a scheduled time's run the same one, however often it is tried. */
export function dueName(dueAt: number): string {
  return `due/${new Date(dueAt).toISOString()}`;
}
