import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Hierarchies } from "./hierarchies.ts";
import { isMissing } from "../../lib/node/missing.ts";
import { OCI_LIMITS } from "./options.ts";
import { codeOf } from "../../lib/error-code.ts";

/** Whether a process is in the cgroup2 directory or below; `false` when the directory is gone. */
export function isPopulated(directory: string): boolean {
  try {
    return /^populated 1$/m.test(readFileSync(`${directory}/cgroup.events`, "utf8"));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Kills everything in a capsule's cgroup, frozen processes and a runtime caught half-way included, and waits for its end. */
export async function killGroup(hierarchies: Hierarchies, cgroup: string): Promise<void> {
  const directory = `${hierarchies.unified}${cgroup}`;
  const until = performance.now() + OCI_LIMITS.killMs;
  for (let wait = 0; isPopulated(directory); wait = Math.min(wait + 1, 10)) {
    if (performance.now() > until) throw new Error(`Processes in ${cgroup} did not end within ${OCI_LIMITS.killMs} ms of being killed.`);
    try {
      writeFileSync(`${directory}/cgroup.kill`, "1");
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    if (isPopulated(directory)) await sleep(wait);
  }
}

/** Removes a capsule's cgroups in every hierarchy, deepest first. Nothing may run in them any more. */
export async function removeGroups(hierarchies: Hierarchies, cgroup: string): Promise<void> {
  const until = performance.now() + OCI_LIMITS.killMs;
  for (const mount of [hierarchies.unified, ...hierarchies.v1]) {
    while (!removeTree(mount + cgroup)) {
      if (performance.now() > until) throw new Error(`${mount}${cgroup} stays busy.`);
      // A task leaves its groups a moment after it is reported dead.
      await sleep(2);
    }
  }
}

/** Whether any hierarchy has something of the capsule. */
export function hasGroups(hierarchies: Hierarchies, cgroup: string): boolean {
  return [hierarchies.unified, ...hierarchies.v1].some((mount) => existsSync(mount + cgroup));
}

function removeTree(directory: string): boolean {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(join(directory, entry.name))) return false;
    }
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    const code = codeOf(error);
    if (code === "EBUSY" || code === "ENOTEMPTY") return false;
    throw error;
  }
}
