import { join } from "node:path";
import type { OciOptions } from "./options.ts";

/** A capsule's name in the host's directories. Everything that comes to the driver is checked against it before it becomes a path. */
const CAPSULE_ID = /^cl-[0-9a-z]{25}$/;
const INSTALLATION_ID = /^[a-z0-9-]{1,40}$/;

/** Where everything of an installation lies on the host. */
export interface Layout {
  readonly dataDir: string;
  readonly binDir: string;
  readonly storeDir: string;
  readonly storeImage: string;
  readonly templatesDir: string;
  readonly disksDir: string;
  readonly snapshotsDir: string;
  readonly capsulesDir: string;
  /** Host-wide: empty directory on which every launcher mounts its private tmpfs. */
  readonly stageDir: string;
  /** Host-wide: one file per uid range in use. */
  readonly uidsDir: string;
  /** Host-wide: a cgroup2 mount of our own, where the host has none. */
  readonly cgroup2Dir: string;
  readonly socketsDir: string;
  readonly runtimeRoot: string;
  /** Addresses in use, and the configuration of the capsules' resolver. */
  readonly networkDir: string;
  /** Host-wide: one file per subnet in use. */
  readonly subnetsDir: string;
  /** Below each hierarchy's mount point. */
  readonly cgroupParent: string;
}

export function createLayout(options: OciOptions): Layout {
  if (!INSTALLATION_ID.test(options.installationId)) {
    throw new Error(`The installation id must be 1 to 40 of a-z, 0-9 and "-", not ${JSON.stringify(options.installationId)}.`);
  }
  const { dataDir, runDir, installationId } = options;
  const storeDir = join(dataDir, "store");
  const ownRun = join(runDir, installationId);
  return {
    dataDir,
    binDir: join(dataDir, "bin"),
    storeDir,
    storeImage: join(dataDir, "store.img"),
    templatesDir: join(storeDir, "templates"),
    disksDir: join(storeDir, "capsules"),
    snapshotsDir: join(storeDir, "snapshots"),
    capsulesDir: join(dataDir, "capsules"),
    stageDir: join(runDir, "mnt"),
    uidsDir: join(runDir, "uids"),
    cgroup2Dir: join(runDir, "cgroup2"),
    socketsDir: join(ownRun, "s"),
    runtimeRoot: join(ownRun, "runtime"),
    networkDir: join(ownRun, "network"),
    subnetsDir: join(runDir, "subnets"),
    cgroupParent: `/capsuled/${installationId}`,
  };
}

/** What a capsule has on the host. */
export interface CapsulePaths {
  readonly id: string;
  readonly disk: string;
  readonly dir: string;
  readonly control: string;
  /** Which build of which template lies under the disk. */
  readonly origin: string;
  readonly socket: string;
  readonly runtimeState: string;
  readonly cgroup: string;
}

export function isCapsuleId(text: string): boolean {
  return CAPSULE_ID.test(text);
}

/** Throws for anything that is not a capsule's id, so that no caller's text becomes a path. */
export function capsulePaths(layout: Layout, id: string): CapsulePaths {
  if (!isCapsuleId(id)) throw new Error(`${JSON.stringify(id)} is not a capsule's id.`);
  const dir = join(layout.capsulesDir, id);
  return {
    id,
    disk: join(layout.disksDir, id),
    dir,
    control: join(dir, "ctl"),
    origin: join(dir, "template.json"),
    socket: join(layout.socketsDir, `${id}.sock`),
    runtimeState: join(layout.runtimeRoot, id),
    cgroup: `${layout.cgroupParent}/${id}`,
  };
}
