import type { LaunchSpec } from "../../core/ports/driver.ts";
import type { Hierarchies } from "./hierarchies.ts";
import { OCI_LIMITS } from "./options.ts";

/** A file of the `work` cgroup and what is written to it. */
export interface WorkLimit {
  readonly mount: string;
  readonly file: string;
  readonly value: string;
  /** The kernel may have been built without it. */
  readonly optional: boolean;
}

type Limits = Pick<LaunchSpec, "memoryMb" | "vcpus" | "pidsMax">;

/** The limits of a capsule as cgroup files, in the order in which they must be written. */
export function workLimits(hierarchies: Hierarchies, limits: Limits): WorkLimit[] {
  return [...memory(hierarchies, limits), ...cpu(hierarchies, limits), ...pids(hierarchies, limits)];
}

function memory({ v1Of, unified }: Hierarchies, { memoryMb }: Limits): WorkLimit[] {
  const bytes = String(memoryMb * 1024 * 1024);
  const v1 = v1Of.get("memory");
  if (v1 !== undefined) {
    return [
      { mount: v1, file: "memory.limit_in_bytes", value: bytes, optional: false },
      // Memory and swap together: no swap. Refused unless the limit above is already there.
      { mount: v1, file: "memory.memsw.limit_in_bytes", value: bytes, optional: true },
    ];
  }
  return [
    { mount: unified, file: "memory.max", value: bytes, optional: false },
    { mount: unified, file: "memory.swap.max", value: "0", optional: true },
    { mount: unified, file: "memory.oom.group", value: "0", optional: true },
  ];
}

function cpu({ v1Of, unified }: Hierarchies, { vcpus }: Limits): WorkLimit[] {
  const period = OCI_LIMITS.cpuPeriodUs;
  const quota = Math.max(1_000, Math.round(vcpus * period));
  const v1 = v1Of.get("cpu");
  if (v1 !== undefined) {
    return [
      { mount: v1, file: "cpu.cfs_period_us", value: String(period), optional: false },
      { mount: v1, file: "cpu.cfs_quota_us", value: String(quota), optional: false },
    ];
  }
  return [{ mount: unified, file: "cpu.max", value: `${quota} ${period}`, optional: false }];
}

function pids({ v1Of, unified }: Hierarchies, { pidsMax }: Limits): WorkLimit[] {
  const mount = v1Of.get("pids") ?? unified;
  return [{ mount, file: "pids.max", value: String(pidsMax + OCI_LIMITS.spawnerPids), optional: false }];
}

/** Where the kernel counts the capsule's out-of-memory kills. */
export function oomCounter(hierarchies: Hierarchies, cgroup: string): string {
  const v1 = hierarchies.v1Of.get("memory");
  return v1 === undefined ? `${hierarchies.unified}${cgroup}/work/memory.events` : `${v1}${cgroup}/work/memory.oom_control`;
}
