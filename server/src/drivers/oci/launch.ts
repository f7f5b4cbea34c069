import { mkdirSync } from "node:fs";
import type { Handle, LaunchSpec } from "../../core/ports/driver.ts";
import { CopyFailedError, HandleGoneError, HostFullError } from "../../core/ports/driver.ts";
import { isMissing } from "../../lib/node/missing.ts";
import { isToldToFreeze, setFrozen } from "./freezer.ts";
import type { OciHost } from "./host.ts";
import { handedDown, workHierarchies } from "./hierarchies.ts";
import { createHandle } from "./handle.ts";
import type { Launched, LauncherSpec } from "./launcher.ts";
import { LauncherError } from "./launcher-error.ts";
import type { CapsulePaths } from "./layout.ts";
import { capsulePaths } from "./layout.ts";
import { resolverPlace } from "./network-power.ts";
import { ociConfig } from "./oci-config.ts";
import { hasMachine, removeDisk, removeMachine } from "./remove.ts";
import type { Origin } from "./origin.ts";
import { readOrigin, readSnapshot, snapshotPaths, writeJson } from "./origin.ts";
import { copySnapshot } from "./snapshots/copy.ts";
import { layerOf, requireBuild } from "./templates/layers.ts";
import { OCI_LIMITS } from "./options.ts";
import { asRoom } from "./room.ts";
import { workGroup } from "./state.ts";
import { agentLimits } from "./runtimes.ts";
import { rangeBase } from "./uid-ranges.ts";
import { oomCounter, workLimits } from "./work-limits.ts";

const MiB = 1024 * 1024;

/** With what was found and reserved for it. */
interface WholeSpec extends LaunchSpec {
  /** Whose disk its own is a copy of. */
  readonly source: CapsulePaths | null;
  readonly origin: Origin;
  readonly uidBase: number;
}

/** Whether a launch copies the disk of another capsule: where blocks are shared, and what is shared counts for nobody. */
export function copiesInLaunch(host: Pick<OciHost, "store" | "countsShared">): boolean {
  return host.store !== "plain" && !host.countsShared;
}

/** Brings up one capsule; what an earlier try left goes first, and what this one leaves when it fails goes last. */
export async function launch(host: OciHost, paths: CapsulePaths, spec: LaunchSpec, signal: AbortSignal): Promise<Handle> {
  signal.throwIfAborted();
  if (hasMachine(host, paths)) await removeMachine(host, paths);
  if (spec.disk === "new") await removeDisk(host, paths);
  const source = sourceOf(host, spec);
  const origin = originOf(host, paths, spec, source);
  try {
    const n = host.uids.reserve(paths.id);
    if (n === null) throw new HostFullError("uids", "Every range of user ids is in use on this host.");
    mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
    if (spec.disk === "new") {
      // From here on the build is in use: nothing was awaited since it was found.
      writeJson(paths.origin, origin);
      if (spec.snapshotId !== null && host.store === "plain") await copySnapshot(host, spec.snapshotId, paths.disk);
    }
    const launched = await launchConnected(host, paths, { ...spec, source, origin, uidBase: rangeBase(n) }, signal);
    host.filter.learn(paths.runtimeState);
    host.options.log.debug({ capsule: paths.id, phases: launched.phases }, "launched");
    return createHandle({ capsuleId: paths.id, pid: launched.pid, startTime: launched.startTime, boot: host.boot });
  } catch (error) {
    await removeMachine(host, paths);
    if (spec.disk === "new") await removeDisk(host, paths);
    throw asRoom(source === null ? error : asCopyFailed(error));
  }
}

/** With the network that its policy needs, in force before anything runs inside. */
async function launchConnected(host: OciHost, paths: CapsulePaths, spec: WholeSpec, signal: AbortSignal): Promise<Launched> {
  if (host.network === null && spec.egress !== "none") throw new Error("This host has no network for capsules.");
  const taken = await host.network?.take(paths.id, spec.egress);
  try {
    const network = taken === undefined ? null : { namespace: taken.namespacePath, resolvConf: taken.resolvConf };
    const launched = await launchThawed(host, launcherSpec(host, paths, spec, network), signal);
    await taken?.launched(resolverPlace(host, paths));
    return launched;
  } finally {
    taken?.close();
  }
}

/** Whoever was to stand still while its disk was copied goes on, also when the launcher was cut off in between. */
async function launchThawed(host: OciHost, spec: LauncherSpec, signal: AbortSignal): Promise<Launched> {
  try {
    return await host.launcher.launch(spec, signal);
  } catch (error) {
    if (spec.disk.freeze !== null) await thaw(spec.disk.freeze.group);
    throw error;
  }
}

async function thaw(group: string): Promise<void> {
  try {
    await setFrozen(group, false);
  } catch (error) {
    // Its machine has ended meanwhile.
    if (!(error instanceof HandleGoneError)) throw error;
  }
}

/** The capsule that a new disk is to be a copy of. */
function sourceOf(host: OciHost, { disk, sourceId }: LaunchSpec): CapsulePaths | null {
  if (disk !== "new" || sourceId === null) return null;
  if (!copiesInLaunch(host)) throw new Error("This store copies no disk within a launch.");
  return capsulePaths(host.layout, sourceId);
}

/** Its group, where it has processes that go on. */
function freezeOf(host: OciHost, source: CapsulePaths): LauncherSpec["disk"]["freeze"] {
  const group = workGroup(host, source);
  try {
    return isToldToFreeze(group) ? null : { group, patienceMs: OCI_LIMITS.freezeMs };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Tells what kept the copy from being made from what kept the machine from coming up. */
function asCopyFailed(error: unknown): unknown {
  return error instanceof LauncherError && error.step.startsWith("copy the disk")
    ? new CopyFailedError(error.message, { cause: error })
    : error;
}

/** A kept disk goes on over the very build that it began with. */
function originOf(host: OciHost, paths: CapsulePaths, spec: LaunchSpec, source: CapsulePaths | null): Origin {
  if (source !== null) {
    const origin = readOrigin(source.origin);
    if (origin === null) throw new CopyFailedError("The capsule has no disk.", { cause: new HandleGoneError("The capsule has no disk.") });
    return { ...origin, beganWith: 0 };
  }
  const kept = spec.disk === "keep" ? readOrigin(paths.origin) : null;
  if (kept !== null) return kept;
  if (spec.disk === "new" && spec.snapshotId !== null) {
    const { origin, sizeBytes } = readSnapshot(host.layout, spec.snapshotId);
    return { ...origin, beganWith: sizeBytes };
  }
  return { name: spec.template, build: requireBuild(host.layout, spec.template), beganWith: 0 };
}

/** What a new disk is a copy of that the launcher makes. */
function snapshotDir({ layout, store }: OciHost, { disk, snapshotId }: LaunchSpec): string | null {
  return disk === "new" && snapshotId !== null && store !== "plain" ? snapshotPaths(layout, snapshotId).dir : null;
}

function launcherSpec(host: OciHost, paths: CapsulePaths, spec: WholeSpec, network: LauncherSpec["network"]): LauncherSpec {
  const { layout, hierarchies, options } = host;
  const { uidBase, origin, source } = spec;
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
      copyOf: source?.disk ?? snapshotDir(host, spec),
      freeze: source === null ? null : freezeOf(host, source),
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
      annotations: host.filter.annotations(),
    }),
  };
}
