import { existsSync, readdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { hasGroups, killGroup, removeGroups } from "./cgroup-end.ts";
import type { OciHost } from "./host.ts";
import type { CapsulePaths } from "./layout.ts";
import { OCI_LIMITS } from "./options.ts";
import { leavesCgroupsAlone } from "./runtimes.ts";

/** Whether a capsule has anything but its disk: a machine, or what is left of one. */
export function hasMachine(host: OciHost, paths: CapsulePaths): boolean {
  return (
    hasGroups(host.hierarchies, paths.cgroup) ||
    existsSync(paths.runtimeState) ||
    existsSync(paths.socket) ||
    host.uids.holders().includes(paths.id) ||
    host.network?.holds(paths.id) === true
  );
}

/**
 * Ends a capsule's machine and removes its traces but the disk. Works on a whole machine, on what a launch left that was cut
 * off at any point, and on nothing. Its mounts need no care: they live in its own mount namespace.
 */
export async function removeMachine(host: OciHost, paths: CapsulePaths): Promise<void> {
  await killGroup(host.hierarchies, paths.cgroup);
  if (existsSync(paths.runtimeState)) await removeRuntimeState(host, paths);
  await removeGroups(host.hierarchies, paths.cgroup);
  rmSync(paths.socket, { force: true });
  host.uids.release(paths.id);
  host.network?.release(paths.id);
}

/**
 * A runtime keeps what it has in its state directory. runc's `delete` costs 4 to 20 ms and does nothing for a dead container
 * that is not done here, and neither does that of a runtime that leaves cgroups alone; others are asked, and what none of them understands (a state it was killed over) is removed.
 */
async function removeRuntimeState(host: OciHost, paths: CapsulePaths): Promise<void> {
  const { runtime, log } = host.options;
  const whole = readdirSync(paths.runtimeState).some((name) => name.endsWith(".json"));
  if (whole && basename(runtime) !== "runc" && !leavesCgroupsAlone(host.hierarchies, runtime)) {
    const args = ["--root", host.layout.runtimeRoot, "delete", paths.id];
    const outcome = await host.launcher.run(runtime, args, { timeoutMs: OCI_LIMITS.runtimeDeleteMs });
    if (outcome.code !== 0)
      log.warn({ capsule: paths.id, runtime, stderr: outcome.stderr.slice(0, 500) }, "the runtime could not delete its state");
  }
  await rm(paths.runtimeState, { recursive: true, force: true });
}

/** Removes the disk and the control directory. The machine must be gone. Links in them are removed, never followed. */
export async function removeDisk(host: OciHost, paths: CapsulePaths): Promise<void> {
  if (existsSync(paths.disk)) await removeTree(host, paths.disk);
  await rm(paths.dir, { recursive: true, force: true });
}

/** A tree of the store: a subvolume where it has them. */
export async function removeTree(host: OciHost, path: string): Promise<void> {
  try {
    if (host.store === "plain") return await rm(path, { recursive: true, force: true });
    await host.launcher.deleteSubvolume(path);
  } catch (error) {
    // A plain directory, or already gone: an entry that is still there afterwards is the error.
    await rm(path, { recursive: true, force: true });
    if (existsSync(path)) throw error;
  }
}

/** Ids of everything that lies in a directory as `<id>` or `<id>.sock`. */
export function idsIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => name.replace(/\.sock$/, "")) : [];
}

/** All places where a capsule of this installation may have left something. */
export function placesOf(host: OciHost): string[] {
  const { layout, hierarchies } = host;
  const groups = [hierarchies.unified, ...hierarchies.v1].map((mount) => join(mount, layout.cgroupParent));
  return [...groups, layout.runtimeRoot, layout.socketsDir, layout.disksDir, layout.capsulesDir];
}
