import { RUN_REASONS, RUN_SOURCES, RUN_STATUSES } from "@capsuled/contract";
import { z } from "zod";
import type { RunRecord } from "../core/run/record.ts";
import type { StoredOutput } from "../core/run/store.ts";
import { withoutNul } from "./capsule-row.ts";
import type { RunRow } from "./schema.ts";

const status = z.enum(RUN_STATUSES);
const source = z.enum(RUN_SOURCES);
const time = z.number().nullable();

/** What of a run stands in no column of its own. */
const facts = z.object({
  reason: z.enum(RUN_REASONS).nullable(),
  error: z.string().nullable(),
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  keyId: z.string().nullable(),
  args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullable(),
  fingerprint: z.string().nullable(),
  startedAt: time,
  durationMs: time,
  stdoutBytes: z.number(),
  stderrBytes: z.number(),
  capsuleId: z.string().nullable(),
  processId: z.string(),
  deadlineAt: time,
});

export type RunHead = Omit<RunRow, "output_kind" | "output_bytes" | "output_packed">;

export const RUN_HEAD = [
  "id",
  "team_id",
  "endpoint_id",
  "endpoint_name",
  "host_id",
  "status",
  "source",
  "dedupe",
  "created_at",
  "ended_at",
  "own_capsule_id",
  "facts_json",
] as const satisfies readonly (keyof RunHead)[];

export function toRun(row: RunHead): RunRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    endpointId: row.endpoint_id,
    endpointName: row.endpoint_name,
    status: status.parse(row.status),
    source: source.parse(row.source),
    dedupe: row.dedupe,
    createdAt: row.created_at,
    endedAt: row.ended_at,
    hostId: row.host_id,
    ownsCapsule: row.own_capsule_id !== null,
    ...facts.parse(JSON.parse(row.facts_json)),
  };
}

export function toRunRow(run: RunRecord, output: StoredOutput | null): RunRow {
  const { reason, error, exitCode, signal, keyId, args, fingerprint, startedAt, durationMs, stdoutBytes, stderrBytes } = run;
  const { capsuleId, processId, deadlineAt } = run;
  const kept: z.output<typeof facts> = {
    reason,
    error,
    exitCode,
    signal,
    keyId,
    args,
    fingerprint,
    startedAt,
    durationMs,
    stdoutBytes,
    stderrBytes,
    capsuleId,
    processId,
    deadlineAt,
  };
  return {
    id: run.id,
    team_id: run.teamId,
    endpoint_id: run.endpointId,
    endpoint_name: run.endpointName,
    host_id: run.hostId,
    status: run.status,
    source: run.source,
    dedupe: run.dedupe === null ? null : storableDedupe(run.dedupe),
    created_at: run.createdAt,
    ended_at: run.endedAt,
    own_capsule_id: run.ownsCapsule ? run.capsuleId : null,
    facts_json: JSON.stringify(kept),
    output_kind: output?.kind ?? "none",
    output_bytes: output?.kind === "file" ? output.bytes : output?.kind === "inline" ? output.packed.length : 0,
    output_packed: output?.kind === "inline" ? output.packed : null,
  };
}

/** A name may hold what a delivery's sender made up. */
export function storableDedupe(dedupe: string): string {
  return withoutNul(dedupe.toWellFormed());
}

export function toOutput(row: Pick<RunRow, "host_id" | "output_kind" | "output_bytes" | "output_packed">): StoredOutput {
  if (row.output_kind === "file") return { kind: "file", hostId: row.host_id, bytes: row.output_bytes };
  if (row.output_kind === "inline" && row.output_packed !== null) return { kind: "inline", packed: row.output_packed };
  return { kind: "none" };
}
