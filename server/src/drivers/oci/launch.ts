import { mkdirSync } from "node:fs";
import type { Handle, LaunchSpec } from "../../core/ports/driver.ts";
import { HostFullError } from "../../core/ports/driver.ts";
import type { OciHost } from "./host.ts";
import { handedDown, workHierarchies } from "./hierarchies.ts";
import { createHandle } from "./handle.ts";
import type { Launched, LauncherSpec } from "./launcher.ts";
import type { CapsulePaths } from "./layout.ts";
import { resolverPlace } from "./network-power.ts";
import { ociConfig } from "./oci-config.ts";
import { hasMachine, removeDisk, removeMachine } from "./remove.ts";
import type { Origin } from "./origin.ts";
import { readOrigin, readSnapshot, snapshotPaths, writeJson } from "./origin.ts";
import { copySnapshot } from "./snapshots/copy.ts";
import { layerOf, requireBuild } from "./templates/layers.ts";
import { asRoom } from "./room.ts";
import { agentLimits } from "./runtimes.ts";
import { rangeBase } from "./uid-ranges.ts";
import { oomCounter, workLimits } from "./work-limits.ts";

const MiB = 1024 * 1024;

/** Brings up one capsule; what an earlier try left goes first, and what this one leaves when it fails goes last. */
export async function launch(host: OciHost, paths: CapsulePaths, spec: LaunchSpec, signal: AbortSignal): Promise<Handle> {
  signal.throwIfAborted();
  if (hasMachine(host, paths)) await removeMachine(host, paths);
  if (spec.disk === "new") await removeDisk(host, paths);
  const origin = originOf(host, paths, spec);
  try {
    const n = host.uids.reserve(paths.id);
    if (n === null) throw new HostFullError("uids", "Every range of user ids is in use on this host.");
    mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
    if (spec.disk === "new") {
      // From here on the build is in use: nothing was awaited since it was found.
      writeJson(paths.origin, origin);
      if (spec.snapshotId !== null && host.store === "plain") await copySnapshot(host, spec.snapshotId, paths.disk);
    }
    const launched = await launchConnected(host, paths, spec, origin, rangeBase(n), signal);
    host.options.log.debug({ capsule: paths.id, phases: launched.phases }, "launched");
    return createHandle({ capsuleId: paths.id, pid: launched.pid, startTime: launched.startTime, boot: host.boot });
  } catch (error) {
    await removeMachine(host, paths);
    if (spec.disk === "new") await removeDisk(host, paths);
    throw asRoom(error);
  }
}

/** With the network that its policy needs, in force before anything runs inside. */
async function launchConnected(
  host: OciHost,
  paths: CapsulePaths,
  spec: LaunchSpec,
  origin: Origin,
  uidBase: number,
  signal: AbortSignal,
): Promise<Launched> {
  if (host.network === null && spec.egress !== "none") throw new Error("This host has no network for capsules.");
  const taken = await host.network?.take(paths.id, spec.egress);
  try {
    const network = taken === undefined ? null : { namespace: taken.namespacePath, resolvConf: taken.resolvConf };
    const launched = await host.launcher.launch(launcherSpec(host, paths, spec, origin, uidBase, network), signal);
    await taken?.launched(resolverPlace(host, paths));
    return launched;
  } finally {
    taken?.close();
  }
}

/** A kept disk goes on over the very build that it began with. */
function originOf(host: OciHost, paths: CapsulePaths, spec: LaunchSpec): Origin {
  const kept = spec.disk === "keep" ? readOrigin(paths.origin) : null;
  if (kept !== null) return kept;
  if (spec.disk === "new" && spec.snapshotId !== null) {
    const { origin, sizeBytes } = readSnapshot(host.layout, spec.snapshotId);
    return { ...origin, beganWith: sizeBytes };
  }
  return { name: spec.template, build: requireBuild(host.layout, spec.template), beganWith: 0 };
}

function launcherSpec(
  host: OciHost,
  paths: CapsulePaths,
  spec: LaunchSpec,
  origin: Origin,
  uidBase: number,
  network: LauncherSpec["network"],
): LauncherSpec {
  const { layout, hierarchies, options } = host;
  const agent = agentLimits(hierarchies, options.runtime);
  return {
    capsule: paths.id,
    uidBase,
    stage: layout.stageDir,
    layers: [layerOf(layout, origin.name, origin.build)],
    disk: {
      path: paths.disk,
      btrfs: host.store !== "plain",
      // Where what is shared counts as well, it does not count against the capsule.
      limitBytes: spec.diskMb * MiB + (host.countsShared ? origin.beganWith : 0),
      keep: spec.disk === "keep" || spec.snapshotId !== null,
      copyOf: spec.disk === "new" && spec.snapshotId !== null && host.store !== "plain" ? snapshotPaths(layout, spec.snapshotId).dir : null,
    },
    controlDir: paths.control,
    socket: paths.socket,
    agentBinary: host.agentBinary,
    secret: spec.agentSecret,
    previous: spec.previous,
    cgroup: {
      path: paths.cgroup,
      unified: hierarchies.unified,
      controllers: handedDown(hierarchies),
      v1: hierarchies.v1,
      workV1: workHierarchies(hierarchies),
      limits: workLimits(hierarchies, spec),
      oomCounter: oomCounter(hierarchies, paths.cgroup),
      agent,
    },
    network,
    runtime: options.runtime,
    runtimeOptions: agent === null ? [] : ["--cgroup-manager=disabled"],
    runtimeRoot: layout.runtimeRoot,
    config: ociConfig(spec, network === null ? null : layout.stageDir, uidBase, paths.cgroup, {
      arch: host.arch,
      nofileHard: host.nofileHard,
    }),
  };
}
