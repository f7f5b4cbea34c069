import { mkdirSync, readFileSync } from "node:fs";
import { arch as machine } from "node:os";
import { installAgent } from "./agent-binary.ts";
import { isPopulated } from "./cgroup-end.ts";
import type { Hierarchies } from "./hierarchies.ts";
import { findHierarchies, missingControllers } from "./hierarchies.ts";
import type { Launcher } from "./launcher.ts";
import { createLauncher } from "./launcher.ts";
import type { Layout } from "./layout.ts";
import { createLayout } from "./layout.ts";
import { parseMountinfo } from "./mountinfo.ts";
import { CapsuleNetwork } from "./network/network.ts";
import { cannotConnect } from "./network/settings.ts";
import type { OciOptions } from "./options.ts";
import { runProgram } from "./run-program.ts";
import type { StoreKind } from "./store-mount.ts";
import { countsShared, openStore } from "./store-mount.ts";
import { ReadyFilter } from "./seccomp/ready-filter.ts";
import { UidRanges } from "./uid-ranges.ts";

/** The host as this installation uses it: everything that is found or made once, before the first capsule. */
export interface OciHost {
  readonly options: OciOptions;
  readonly layout: Layout;
  readonly launcher: Launcher;
  readonly hierarchies: Hierarchies;
  readonly store: StoreKind;
  /** Whether what disks share with what they began as counts against their limits. */
  readonly countsShared: boolean;
  readonly uids: UidRanges;
  readonly filter: ReadyFilter;
  /** `null` where capsules have loopback only. */
  readonly network: CapsuleNetwork | null;
  /** Installed copy. */
  readonly agentBinary: string;
  readonly arch: "x64" | "arm64";
  readonly nofileHard: number;
  /** New for each boot of the host: the kernel's own id. */
  readonly boot: string;
}

/** Mounts the store, installs the agent, and gives back uid ranges of capsules that ended while no server looked. */
export async function openHost(options: OciOptions): Promise<OciHost> {
  const layout = createLayout(options);
  const arch = machine();
  if (arch !== "x64" && arch !== "arm64") throw new Error(`Capsules run on x64 and arm64, not on ${arch}.`);
  mkdirSync(layout.dataDir, { recursive: true, mode: 0o700 });
  // The runtime walks to the stage as the capsule's root, whom the host does not know: 0711 on the way.
  for (const dir of [options.runDir, layout.stageDir]) mkdirSync(dir, { recursive: true, mode: 0o711 });
  for (const dir of [layout.socketsDir, layout.runtimeRoot, layout.networkDir, layout.capsulesDir])
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  const launcher = createLauncher(options.launcherBinary);
  try {
    return await openParts(options, layout, launcher, arch);
  } catch (error) {
    await launcher.close();
    throw error;
  }
}

async function openParts(options: OciOptions, layout: Layout, launcher: Launcher, arch: OciHost["arch"]): Promise<OciHost> {
  const hierarchies = await openHierarchies(layout);
  const store = await openStore(options, layout, launcher);
  const isAlive = (capsuleId: string): boolean => isPopulated(`${hierarchies.unified}${layout.cgroupParent}/${capsuleId}`);
  const uids = new UidRanges(layout.uidsDir, options.installationId);
  for (const capsuleId of uids.holders()) {
    if (!isAlive(capsuleId)) uids.release(capsuleId);
  }
  return {
    options,
    layout,
    launcher,
    hierarchies,
    store,
    countsShared: await countsShared(launcher, store, layout.storeDir),
    uids,
    filter: new ReadyFilter(),
    network: await openNetwork(options, layout, isAlive),
    agentBinary: installAgent(options.agentBinary, layout.binDir),
    arch,
    nofileHard: nofileHard(),
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
  };
}

async function openNetwork(
  { network, installationId, launcherBinary, log }: OciOptions,
  layout: Layout,
  isAlive: (capsuleId: string) => boolean,
): Promise<CapsuleNetwork | null> {
  if (network === null || cannotConnect() !== null) return null;
  const { networkDir, subnetsDir } = layout;
  const launcher = createLauncher(launcherBinary);
  try {
    return await CapsuleNetwork.create({ installationId, settings: network, dir: networkDir, subnetsDir, launcher, log }, isAlive);
  } catch (error) {
    await launcher.close();
    throw error;
  }
}

async function openHierarchies(layout: Layout): Promise<Hierarchies> {
  const find = () => findHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
  let found = find();
  if (found.unified === null) {
    mkdirSync(layout.cgroup2Dir, { recursive: true, mode: 0o700 });
    await runProgram("mount", ["-t", "cgroup2", "none", layout.cgroup2Dir], { timeoutMs: 10_000 });
    found = find();
  }
  if (found.unified === null) throw new Error("cgroup2 cannot be mounted on this host.");
  const controllers = readFileSync(`${found.unified}/cgroup.controllers`, "utf8").trim().split(/\s+/).filter(Boolean);
  const hierarchies: Hierarchies = { unified: found.unified, controllers, v1: found.v1, v1Of: found.v1Of, devices: found.devices };
  const missing = missingControllers(hierarchies);
  if (missing.length > 0) throw new Error(`The host has no cgroup controller for ${missing.join(", ")}.`);
  return hierarchies;
}

/** This process's hard limit of open files: without CAP_SYS_RESOURCE a capsule cannot get more. */
function nofileHard(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return hard === undefined || hard === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(hard);
}
