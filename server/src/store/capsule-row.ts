import { CAPSULE_REASONS, memoryEvidence, networkAnswer } from "@capsuled/contract";
import { z } from "zod";
import type { Handle } from "../core/ports/driver.ts";
import type { CapsuleChange, CapsuleRecord } from "../core/capsule/record.ts";
import { CAPSULE_STATES } from "../core/capsule/state.ts";
import type { CapsuleState } from "../core/capsule/state.ts";
import { toActor } from "./actor-row.ts";
import type { CapsuleRow } from "./schema.ts";

const handle = z.object({ driver: z.string(), version: z.int(), data: z.record(z.string(), z.union([z.string(), z.number()])) });
const state = z.enum(CAPSULE_STATES);
const reason = z.enum(CAPSULE_REASONS).nullable();
const metadata = z.record(z.string(), z.string());
const names = z.array(z.string());
const ports = z.array(z.int());

/** One way to write a handle, so that it can be compared as text. */
export function renderHandle({ driver, version, data }: Handle): string {
  return JSON.stringify({ driver, version, data });
}

/** The row as core knows it. Throws when it holds what this server does not know, e.g. a later version's state. */
export function toRecord(row: CapsuleRow): CapsuleRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    hostId: row.host_id,
    driver: row.driver,
    handle: row.handle_json === null ? null : handle.parse(JSON.parse(row.handle_json)),
    state: state.parse(row.state),
    version: row.version,
    template: row.template,
    vcpus: row.vcpus,
    memoryMb: row.memory_mb,
    diskMb: row.disk_mb,
    timeoutSec: row.timeout_sec,
    name: row.name,
    metadata: metadata.parse(JSON.parse(row.metadata_json)),
    envNames: names.parse(JSON.parse(row.env_names_json)),
    sealedEnvs: row.sealed_envs,
    sealedSecret: row.sealed_secret,
    hasDisk: row.has_disk === 1,
    reason: reason.parse(row.reason),
    message: row.message,
    createdAt: row.created_at,
    startedAt: row.started_at,
    lastActiveAt: row.last_active_at,
    stateChangedAt: row.state_changed_at,
    endedAt: row.ended_at,
    requestedBy: row.requested_by_type === null ? null : toActor(row.requested_by_type, row.requested_by_id ?? ""),
    evidence: row.evidence_json === null ? null : memoryEvidence.parse(JSON.parse(row.evidence_json)),
    logCursor: row.log_cursor,
    egress: networkAnswer.parse(JSON.parse(row.network_json)).egress,
    snapshotId: row.snapshot_id,
    sealedSettings: row.sealed_settings,
    publicPorts: ports.parse(JSON.parse(row.public_ports_json)),
    autoResume: row.auto_resume === 1,
  };
}

export function toRow(record: CapsuleRecord): CapsuleRow {
  return {
    id: record.id,
    team_id: record.teamId,
    host_id: record.hostId,
    driver: record.driver,
    state: record.state,
    version: record.version,
    template: record.template,
    vcpus: record.vcpus,
    memory_mb: record.memoryMb,
    disk_mb: record.diskMb,
    timeout_sec: record.timeoutSec,
    name: record.name,
    metadata_json: JSON.stringify(record.metadata),
    env_names_json: JSON.stringify(record.envNames),
    sealed_envs: record.sealedEnvs,
    created_at: record.createdAt,
    state_changed_at: record.stateChangedAt,
    handle_json: record.handle === null ? null : renderHandle(record.handle),
    has_disk: record.hasDisk ? 1 : 0,
    reason: record.reason,
    message: storable(record.message),
    started_at: record.startedAt,
    last_active_at: record.lastActiveAt,
    ended_at: record.endedAt,
    sealed_secret: record.sealedSecret,
    requested_by_type: record.requestedBy?.type ?? null,
    requested_by_id: record.requestedBy?.id ?? null,
    evidence_json: record.evidence === null ? null : JSON.stringify(record.evidence),
    log_cursor: record.logCursor,
    network_json: JSON.stringify({ egress: record.egress }),
    public_ports_json: JSON.stringify(record.publicPorts),
    auto_resume: record.autoResume ? 1 : 0,
    held_name: holdsName(record.state) ? record.name : null,
    snapshot_id: record.snapshotId,
    sealed_settings: record.sealedSettings,
  };
}

/** A capsule's name is free for another one as soon as its end has begun. */
export function holdsName(state: CapsuleState): boolean {
  return state !== "destroying" && state !== "destroyed";
}

/** The columns that a change names; what it leaves out stays. */
export function toChangedColumns(change: CapsuleChange): Partial<CapsuleRow> {
  return {
    ...(change.handle !== undefined && { handle_json: change.handle === null ? null : renderHandle(change.handle) }),
    ...(change.hasDisk !== undefined && { has_disk: change.hasDisk ? 1 : 0 }),
    ...(change.reason !== undefined && { reason: change.reason }),
    ...(change.message !== undefined && { message: storable(change.message) }),
    ...(change.startedAt !== undefined && { started_at: change.startedAt }),
    ...(change.lastActiveAt !== undefined && { last_active_at: change.lastActiveAt }),
    ...(change.endedAt !== undefined && { ended_at: change.endedAt }),
    ...(change.sealedSecret !== undefined && { sealed_secret: change.sealedSecret }),
    ...(change.requestedBy !== undefined && {
      requested_by_type: change.requestedBy?.type ?? null,
      requested_by_id: change.requestedBy?.id ?? null,
    }),
    ...(change.evidence !== undefined && { evidence_json: change.evidence === null ? null : JSON.stringify(change.evidence) }),
    ...(change.logCursor !== undefined && { log_cursor: change.logCursor }),
    ...settingColumns(change),
  };
}

/** Of these what callers may change at any time. */
function settingColumns({ egress, publicPorts }: CapsuleChange): Partial<CapsuleRow> {
  return {
    ...(egress !== undefined && { network_json: JSON.stringify({ egress }) }),
    ...(publicPorts !== undefined && { public_ports_json: JSON.stringify(publicPorts) }),
  };
}

/** A message, a command or a tag may hold a NUL, and PostgreSQL holds none in text. */
export function withoutNul(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}

/** A message may quote what a capsule's machine printed, and PostgreSQL holds no NUL in text. */
function storable(message: string | null): string | null {
  return message === null ? null : withoutNul(message);
}
