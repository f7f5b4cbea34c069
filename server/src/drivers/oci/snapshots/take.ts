import { existsSync, rmSync, statfsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { HandleGoneError, HostFullError } from "../../../core/ports/driver.ts";
import { isToldToFreeze, setFrozen } from "../freezer.ts";
import type { OciHost } from "../host.ts";
import type { CapsulePaths } from "../layout.ts";
import { isMissing } from "../../../lib/node/missing.ts";
import { OCI_LIMITS } from "../options.ts";
import type { Origin, SnapshotFacts, SnapshotPaths } from "../origin.ts";
import { readOrigin, snapshotPaths, writeJson } from "../origin.ts";
import { removeTree } from "../remove.ts";
import { workGroup } from "../state.ts";
import { copyTree } from "./copy.ts";

const MiB = 1024 * 1024;

/** Copies a capsule's disk; whole when its facts are written, and nothing is left of it when that does not happen. */
export async function takeSnapshot(
  host: OciHost,
  capsule: CapsulePaths,
  id: string,
  sized: boolean,
): Promise<{ readonly sizeBytes: number }> {
  const origin = readOrigin(capsule.origin);
  if (origin === null) throw new HandleGoneError("The capsule has no disk.");
  return keepSnapshot(host, id, origin, sized, (paths) => frozenCopy(host, capsule, paths));
}

/** Copies the disk while every process of the capsule stands still. */
export function frozenCopy(host: OciHost, capsule: CapsulePaths, paths: SnapshotPaths): Promise<void> {
  return frozen(workGroup(host, capsule), () => copyTree(host, capsule.disk, paths.dir));
}

/** A snapshot of what `make` leaves in its directory. */
export async function keepSnapshot(
  host: OciHost,
  id: string,
  origin: Origin,
  sized: boolean,
  make: (paths: SnapshotPaths) => Promise<void>,
): Promise<{ readonly sizeBytes: number }> {
  requireDisk(host);
  const paths = snapshotPaths(host.layout, id);
  await removeHalf(host, paths);
  try {
    await make(paths);
    // Overlayfs' own workings, which a new life makes anew.
    await rm(join(paths.dir, "w"), { recursive: true, force: true });
    // Full quotas count what is shared, so there the limits of disks that begin with it need to know.
    const sizeBytes = sized || host.countsShared ? await sizeOf(host, paths.dir) : 0;
    requireDisk(host);
    writeJson(paths.facts, { origin, sizeBytes } satisfies SnapshotFacts);
    return { sizeBytes };
  } catch (error) {
    await removeHalf(host, paths);
    if (isNoSpace(error)) throw new HostFullError("disk", "The host's disk is full.");
    throw error;
  }
}

/** From here on there is no such snapshot, whatever is left of it. */
export function dropFacts({ facts }: SnapshotPaths): void {
  for (const file of [facts, `${facts}.new`]) rmSync(file, { force: true });
}

async function removeHalf(host: OciHost, paths: SnapshotPaths): Promise<void> {
  dropFacts(paths);
  if (existsSync(paths.dir)) await removeTree(host, paths.dir);
}

/** Runs `act` while every process of the capsule stands still; those of a paused one go on standing still. */
async function frozen(work: string, act: () => Promise<void>): Promise<void> {
  if (wasFrozen(work)) return act();
  await setFrozen(work, true);
  try {
    await act();
  } finally {
    await setFrozen(work, false);
  }
}

function wasFrozen(work: string): boolean {
  try {
    return isToldToFreeze(work);
  } catch (error) {
    if (isMissing(error)) throw new HandleGoneError("The capsule's cgroup is gone.", { cause: error });
    throw error;
  }
}

function requireDisk({ layout, options }: OciHost): void {
  const { bavail, bsize } = statfsSync(layout.storeDir);
  const freeMb = Math.floor((bavail * bsize) / MiB);
  if (freeMb < options.diskFloorMb)
    throw new HostFullError("disk", `${freeMb} MiB of disk are free, and ${options.diskFloorMb} must stay free.`);
}

/** Bytes on disk; blocks that it shares with others count as well. */
async function sizeOf({ launcher }: OciHost, dir: string): Promise<number> {
  const outcome = await launcher.run("du", ["--summarize", "--block-size=1024", dir], { timeoutMs: OCI_LIMITS.snapshotMs });
  if (outcome.code !== 0) throw new Error(`The snapshot's size is unknown: ${outcome.stderr.slice(0, 500)}`);
  return Number.parseInt(outcome.stdout, 10) * 1024;
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && /ENOSPC|EDQUOT|No space left|Disk quota exceeded|os error 28|os error 122/.test(error.message);
}
