import type { capsule } from "@capsuled/contract";
import type { z } from "zod";
import { PUBLIC_STATUS } from "../../core/capsule/machine.ts";
import type { CapsuleRecord } from "../../core/capsule/record.ts";
import { renderPolicy } from "./network.ts";
import { timestamp, timestampOrNull } from "./time.ts";

/** A capsule as callers see it; what is between two states shows as the nearer public one. */
export function renderCapsule(record: CapsuleRecord): z.output<typeof capsule> {
  return {
    id: record.id,
    status: PUBLIC_STATUS[record.state],
    template: record.template,
    vcpus: record.vcpus,
    memory_mb: record.memoryMb,
    disk_mb: record.diskMb,
    timeout_sec: record.timeoutSec,
    created_at: timestamp(record.createdAt),
    started_at: timestampOrNull(record.startedAt),
    last_active_at: timestampOrNull(record.lastActiveAt),
    last_updated: timestamp(record.stateChangedAt),
    ended_at: timestampOrNull(record.endedAt),
    name: record.name,
    metadata: record.metadata,
    env_names: [...record.envNames],
    reason: record.reason,
    message: record.message,
    evidence: record.evidence,
    network: renderPolicy(record.egress),
    public_ports: [...record.publicPorts],
    auto_resume: record.autoResume,
    startable: record.hasDisk && (record.state === "stopped" || record.state === "error"),
  };
}
