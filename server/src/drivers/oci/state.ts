import { existsSync, readFileSync } from "node:fs";
import type { FoundCapsule, MachineState } from "../../core/ports/driver.ts";
import { isPopulated } from "./cgroup-end.ts";
import { isToldToFreeze } from "./freezer.ts";
import type { OciHandle } from "./handle.ts";
import type { OciHost } from "./host.ts";
import type { CapsulePaths } from "./layout.ts";
import { capsulePaths, isCapsuleId } from "./layout.ts";
import { isMissing } from "../../lib/node/missing.ts";
import { hasMachine, idsIn, placesOf } from "./remove.ts";

/** Where a host keeps its cgroups. */
interface Groups {
  readonly hierarchies: Pick<OciHost["hierarchies"], "unified">;
}

/** The cgroup2 directory of the agent alone: empty means that the capsule's machine has ended. */
export function agentGroup(host: Groups, paths: Pick<CapsulePaths, "cgroup">): string {
  return `${host.hierarchies.unified}${paths.cgroup}/agent`;
}

export function workGroup(host: Groups, paths: Pick<CapsulePaths, "cgroup">): string {
  return `${host.hierarchies.unified}${paths.cgroup}/work`;
}

/** Whether the machine of that very launch lives: its first process, not a later one with the same number. */
export function machineState(host: Groups & Pick<OciHost, "boot">, paths: Pick<CapsulePaths, "cgroup">, handle: OciHandle): MachineState {
  if (handle.boot !== host.boot) return "host_restarted";
  if (!isPopulated(agentGroup(host, paths)) || startTimeOf(handle.pid) !== handle.startTime) return "gone";
  return frozenOrRunning(host, paths);
}

function frozenOrRunning(host: Groups, paths: Pick<CapsulePaths, "cgroup">): MachineState {
  try {
    return isToldToFreeze(workGroup(host, paths)) ? "paused" : "running";
  } catch (error) {
    if (isMissing(error)) return "gone";
    throw error;
  }
}

/** `null` when there is no such process, or only its remains. */
export function startTimeOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return fields[0] === "Z" || fields[0] === "X" ? null : Number(fields[19]);
  } catch {
    return null;
  }
}

/** Everything of this installation: `gone` is a disk without a machine (a stopped capsule), `debris` a machine without a live agent. */
export function listCapsules(host: OciHost): FoundCapsule[] {
  const ids = new Set([...placesOf(host).flatMap(idsIn), ...host.uids.holders(), ...(host.network?.holders() ?? [])].filter(isCapsuleId));
  return [...ids].map((capsuleId) => {
    const paths = capsulePaths(host.layout, capsuleId);
    const alive = isPopulated(agentGroup(host, paths)) && existsSync(paths.socket);
    if (alive) return { capsuleId, state: frozenOrRunning(host, paths) };
    return { capsuleId, state: hasMachine(host, paths) ? "debris" : "gone" };
  });
}
