import { existsSync, readdirSync, renameSync } from "node:fs";
import type { DriverSnapshots } from "../../../core/ports/driver.ts";
import type { KeyedLock } from "../../../lib/keyed-lock.ts";
import { readHandle } from "../handle.ts";
import type { OciHost } from "../host.ts";
import { copiesInLaunch } from "../launch.ts";
import { capsulePaths } from "../layout.ts";
import { snapshotIdOf, snapshotPaths } from "../origin.ts";
import { removeTree } from "../remove.ts";
import { takeTree } from "./take-tree.ts";
import { dropFacts, takeSnapshot } from "./take.ts";

/** The driver's power to keep disks. `turns` is what launches, stops and destroys of one capsule wait in. */
export function snapshotPower(openHost: () => Promise<OciHost>, turns: KeyedLock): DriverSnapshots {
  return {
    async sharesBlocks() {
      return (await openHost()).store !== "plain";
    },
    async copiesInLaunch() {
      return copiesInLaunch(await openHost());
    },
    async take(handle, snapshotId, sized = true) {
      const host = await openHost();
      const capsule = capsulePaths(host.layout, readHandle(handle).capsuleId);
      return turns.run(capsule.id, () => takeSnapshot(host, capsule, snapshotId, sized));
    },
    async takeTree(handle, snapshotId, directory) {
      const host = await openHost();
      const capsule = capsulePaths(host.layout, readHandle(handle).capsuleId);
      return turns.run(capsule.id, () => takeTree(host, capsule, snapshotId, directory));
    },
    async remove(snapshotId) {
      const host = await openHost();
      const paths = snapshotPaths(host.layout, snapshotId);
      dropFacts(paths);
      if (existsSync(paths.going)) await removeTree(host, paths.going);
      if (existsSync(paths.dir)) renameSync(paths.dir, paths.going);
      if (existsSync(paths.going)) await removeTree(host, paths.going);
    },
    async list() {
      const host = await openHost();
      return [...new Set(readdirSync(host.layout.snapshotsDir).flatMap((entry) => snapshotIdOf(entry) ?? []))];
    },
  };
}
