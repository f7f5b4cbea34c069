import { constants } from "node:os";
import { readFileSync, readdirSync, statfsSync } from "node:fs";
import { HostFullError } from "../../core/ports/driver.ts";
import type { OciHost } from "./host.ts";
import { isCapsuleId } from "./layout.ts";
import { isMissing } from "../../lib/node/missing.ts";
import { OCI_LIMITS } from "./options.ts";
import { codeOf } from "../../lib/error-code.ts";

const MiB = 1024 * 1024;

/**
 * Whether one more capsule fits: by what the host has left, not by the sum of what capsules may use at most.
 * @param id the one to launch
 * @param launching capsules under way; they may have no cgroup yet
 * @throws HostFullError
 */
export function requireRoom(host: OciHost, id: string, launching: ReadonlySet<string>): void {
  const { options, layout } = host;
  const running = runningCapsules(`${host.hierarchies.unified}${layout.cgroupParent}`);
  const others = new Set([...running, ...launching]);
  // What an earlier try of the same capsule left makes room for it.
  others.delete(id);
  if (others.size >= options.capsulesMax)
    throw new HostFullError("capsules", `${options.capsulesMax} capsules are running, which is this host's maximum.`);
  const memoryMb = availableMemoryMb();
  if (memoryMb < options.memoryFloorMb)
    throw new HostFullError("memory", `${memoryMb} MiB of memory are available, and ${options.memoryFloorMb} must stay free.`);
  for (const place of [layout.dataDir, layout.storeDir]) {
    const { bavail, bsize } = statfsSync(place);
    const diskMb = Math.floor((bavail * bsize) / MiB);
    if (diskMb < options.diskFloorMb)
      throw new HostFullError("disk", `${diskMb} MiB of disk are free, and ${options.diskFloorMb} must stay free.`);
  }
  const pids = freePids();
  if (pids < OCI_LIMITS.hostPidsFloor)
    throw new HostFullError("pids", `The host can start ${pids} more processes, and ${OCI_LIMITS.hostPidsFloor} must stay free.`);
}

function runningCapsules(parent: string): string[] {
  try {
    return readdirSync(parent).filter(isCapsuleId);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function availableMemoryMb(): number {
  const kb = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  if (kb === undefined) throw new Error("/proc/meminfo has no MemAvailable.");
  return Math.floor(Number(kb) / 1024);
}

function freePids(): number {
  const running = Number(readFileSync("/proc/loadavg", "utf8").split(/[ /]/)[4]);
  const limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"].map((file) => Number(readFileSync(file, "utf8")));
  return Math.min(...limits) - running;
}

/** What a launch failed with, as a full host where the disk had no room for it: the floor is looked at before, and others write too. */
export function asRoom(error: unknown): unknown {
  const isFull = codeOf(error) === "ENOSPC" || (error instanceof Error && error.message.endsWith(`(os error ${constants.errno.ENOSPC})`));
  return isFull ? new HostFullError("disk", "The host's disk is full.", { cause: error }) : error;
}
