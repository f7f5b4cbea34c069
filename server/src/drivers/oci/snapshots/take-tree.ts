import { lstatSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { HandleGoneError } from "../../../core/ports/driver.ts";
import type { OciHost } from "../host.ts";
import type { CapsulePaths } from "../layout.ts";
import type { Origin, SnapshotPaths } from "../origin.ts";
import { readOrigin } from "../origin.ts";
import { layerOf } from "../templates/layers.ts";
import { frozenCopy, keepSnapshot } from "./take.ts";

/** The layer under disks that hold all of their files themselves: an empty directory of the store. */
const NOTHING: Origin = { name: "empty", build: "0000000000000000", beganWith: 0 };
/** A name that is nothing but a name. */
const DIRECTORY = /^[a-z0-9]{1,32}$/;

/** Makes a snapshot of one directory at the top of a capsule's disk: it is the root of what begins with the snapshot. */
export async function takeTree(
  host: OciHost,
  capsule: CapsulePaths,
  id: string,
  directory: string,
): Promise<{ readonly sizeBytes: number }> {
  if (!DIRECTORY.test(directory)) throw new Error(`${JSON.stringify(directory)} is not a name of a directory at the top of a disk.`);
  if (readOrigin(capsule.origin) === null) throw new HandleGoneError("The capsule has no disk.");
  return keepSnapshot(host, id, emptyLayer(host), true, async (paths) => {
    await frozenCopy(host, capsule, paths);
    await keepOnly(paths, directory);
  });
}

/** In the copy, where no capsule reaches it: what is renamed is what was looked at. */
async function keepOnly({ dir }: SnapshotPaths, directory: string): Promise<void> {
  const [upper, rest] = [join(dir, "u"), join(dir, "rest")];
  if (!lstatSync(join(upper, directory)).isDirectory()) throw new Error(`/${directory} is not a directory of the capsule.`);
  renameSync(upper, rest);
  renameSync(join(rest, directory), upper);
  await rm(rest, { recursive: true, force: true });
}

function emptyLayer({ layout }: OciHost): Origin {
  mkdirSync(layerOf(layout, NOTHING.name, NOTHING.build), { recursive: true, mode: 0o755 });
  return NOTHING;
}
