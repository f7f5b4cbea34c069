import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { hasProgram } from "./has-program.ts";
import type { Hierarchies } from "./hierarchies.ts";
import { findHierarchies } from "./hierarchies.ts";
import { parseMountinfo } from "./mountinfo.ts";
import { OCI_LIMITS } from "./options.ts";
import type { WorkLimit } from "./work-limits.ts";

type Mounts = Pick<Hierarchies, "v1Of" | "devices">;

/** What any container may open. Nodes may be made as far as the hierarchy is concerned; the user namespace refuses that. */
const DEVICES = [
  "c *:* m",
  "b *:* m",
  "c 1:3 rwm",
  "c 1:5 rwm",
  "c 1:7 rwm",
  "c 1:8 rwm",
  "c 1:9 rwm",
  "c 5:0 rwm",
  "c 5:2 rwm",
  "c 136:* rwm",
];

/** The program that a setting names. `auto` is crun where it is there and the launcher can put it into its cgroups, otherwise runc. */
export function chooseRuntime(
  setting: string,
  mounts: Mounts = findHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"))),
  isThere: (program: string) => boolean = hasProgram,
): string {
  if (setting !== "auto") return setting;
  return isThere("crun") && leavesCgroupsAlone(mounts, "crun") ? "crun" : "runc";
}

/**
 * Whether the launcher makes the agent's group and the runtime is born in it. crun can be told to leave cgroups alone, and on cgroup v1 beside
 * cgroup2 it must be: it refuses such hosts otherwise. On cgroup2 alone it limits devices by a program of the kernel's, which no file replaces.
 */
export function leavesCgroupsAlone(mounts: Mounts, runtime: string): boolean {
  return agentLimits(mounts, runtime) !== null;
}

/** Limits of the agent's group, in the order in which they must be written; `null` where the runtime makes that group. */
export function agentLimits({ v1Of, devices }: Mounts, runtime: string): readonly WorkLimit[] | null {
  const [memory, pids] = [v1Of.get("memory"), v1Of.get("pids")];
  if (basename(runtime) !== "crun" || memory === undefined || pids === undefined || devices === null) return null;
  const bytes = String(OCI_LIMITS.agentMemoryMb * 1024 * 1024);
  const limit = (mount: string, file: string, value: string, optional = false): WorkLimit => ({ mount, file, value, optional });
  return [
    limit(memory, "memory.limit_in_bytes", bytes),
    limit(memory, "memory.memsw.limit_in_bytes", bytes, true),
    limit(pids, "pids.max", String(OCI_LIMITS.agentPids)),
    limit(devices, "devices.deny", "a"),
    ...DEVICES.map((device) => limit(devices, "devices.allow", device)),
  ];
}
