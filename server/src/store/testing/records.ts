import type { CapsuleStore } from "../../core/capsule/store.ts";
import { createdEvent } from "../../core/capsule/effects.ts";
import type { KeyRecord, TeamRecord } from "../../core/access/store.ts";
import { endpointDefinition } from "@capsuled/contract";
import type { EndpointRecord } from "../../core/endpoint/record.ts";
import type { RunRecord } from "../../core/run/record.ts";
import type { CapsuleRecord } from "../../core/capsule/record.ts";
import { createIds } from "../../lib/node/ids.ts";

const ids = createIds();

/** Rows for tests: valid, with ids of their own, and whatever the test cares about. */
export function teamRecord(given: Partial<TeamRecord> = {}): TeamRecord {
  const id = ids.next("team");
  return { id, name: "Team", slug: id.slice(0, 30), isFirst: false, createdAt: 1000, ...given };
}

export function keyRecord(given: Partial<KeyRecord> & Pick<KeyRecord, "teamId">): KeyRecord {
  return {
    id: ids.next("key"),
    name: "key",
    role: "admin",
    hash: ids.hex(32),
    prefix: "wrn_012345",
    createdAt: 1000,
    lastUsedAt: null,
    ...given,
  };
}

export function capsuleRecord(given: Partial<CapsuleRecord> & Pick<CapsuleRecord, "teamId">): CapsuleRecord {
  return {
    id: ids.next("cl"),
    hostId: "host-1",
    driver: "fake",
    handle: null,
    state: "pending",
    version: 1,
    template: "minimal",
    snapshotId: null,
    sealedSettings: null,
    vcpus: 1,
    memoryMb: 512,
    diskMb: 5120,
    timeoutSec: 0,
    name: null,
    metadata: {},
    envNames: [],
    sealedEnvs: null,
    sealedSecret: "v1.x",
    hasDisk: false,
    reason: null,
    message: null,
    createdAt: 1000,
    startedAt: null,
    lastActiveAt: null,
    stateChangedAt: 1000,
    endedAt: null,
    requestedBy: null,
    evidence: null,
    logCursor: 1,
    egress: "none",
    publicPorts: [],
    autoResume: false,
    ...given,
  };
}

export function endpointRecord(given: Partial<EndpointRecord> & Pick<EndpointRecord, "teamId">): EndpointRecord {
  const { secret: _secret, envs: _envs, ...definition } = endpointDefinition.parse({ command: "echo hello" });
  const id = ids.next("ep");
  return {
    id,
    name: id,
    definition,
    envNames: [],
    sealed: null,
    hasSecret: false,
    version: 1,
    schedulePaused: false,
    nextRunAt: null,
    createdAt: 1000,
    updatedAt: 1000,
    ...given,
  };
}

export function runRecord(given: Partial<RunRecord> & Pick<RunRecord, "teamId">): RunRecord {
  return {
    id: ids.next("run"),
    endpointId: "ep-a",
    endpointName: "deploy",
    status: "running",
    reason: null,
    error: null,
    exitCode: null,
    signal: null,
    source: "api",
    keyId: "key-a",
    args: {},
    dedupe: null,
    fingerprint: null,
    createdAt: 1000,
    startedAt: null,
    endedAt: null,
    durationMs: null,
    stdoutBytes: 0,
    stderrBytes: 0,
    hostId: "host-1",
    capsuleId: null,
    ownsCapsule: false,
    processId: ids.next("pr"),
    deadlineAt: null,
    ...given,
  };
}

/** Stores a capsule as the use case does, with its event. */
export function insertCapsule(store: CapsuleStore, record: CapsuleRecord): Promise<CapsuleRecord | undefined> {
  return store.insert(record, createdEvent(record, { type: "api_key", id: "key-test" }));
}
