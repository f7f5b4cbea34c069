import { readFileSync } from "node:fs";
import type { OciHost } from "./host.ts";
import type { CapsulePaths } from "./layout.ts";
import { isMissing } from "../../lib/node/missing.ts";

interface DiskHost extends Pick<OciHost, "store"> {
  readonly launcher: Pick<OciHost["launcher"], "subvolumeOf">;
}

/** What capsules' disks hold, as the kernel counts it for their limits: one small file each, found once. */
export class DiskUse {
  readonly #files = new Map<string, string>();

  /** Bytes; `null` where disks have no limit and nobody counts. */
  async of(host: DiskHost, { id, disk }: Pick<CapsulePaths, "id" | "disk">): Promise<number | null> {
    if (host.store === "plain") return null;
    try {
      const known = this.#files.get(id) ?? (await find(host, disk));
      this.#files.set(id, known);
      return Number(readFileSync(known, "utf8"));
    } catch (error) {
      // Another disk, or none any more: looked for anew at the next question.
      this.#files.delete(id);
      if (isMissing(error)) return null;
      throw error;
    }
  }

  forget(id: string): void {
    this.#files.delete(id);
  }
}

async function find(host: DiskHost, disk: string): Promise<string> {
  const { id, fileSystem } = await host.launcher.subvolumeOf(disk);
  return `/sys/fs/btrfs/${fileSystem}/qgroups/0_${id}/referenced`;
}
