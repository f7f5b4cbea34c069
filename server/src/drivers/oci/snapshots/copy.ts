import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { OciHost } from "../host.ts";
import { OCI_LIMITS } from "../options.ts";
import { snapshotPaths } from "../origin.ts";

/** Makes a disk that holds what a snapshot holds; on btrfs the two share their blocks. */
export async function copySnapshot(host: OciHost, snapshotId: string, disk: string): Promise<void> {
  await copyTree(host, snapshotPaths(host.layout, snapshotId).dir, disk);
  mkdirSync(join(disk, "w"), { mode: 0o700 });
}

/** Copies a subvolume, or where the store has none the directory `u` in it, to a path that is not there yet. */
export async function copyTree(host: OciHost, from: string, to: string): Promise<void> {
  if (host.store !== "plain") return host.launcher.snapshotSubvolume(from, to);
  mkdirSync(to, { mode: 0o700 });
  // Whiteouts, owners, hard links and overlayfs' own attributes come along: it is the host's root that copies.
  const args = ["--archive", "--reflink=auto", join(from, "u"), to];
  const outcome = await host.launcher.run("cp", args, { timeoutMs: OCI_LIMITS.snapshotMs, outputBytes: 4096 });
  if (outcome.code !== 0) throw new Error(`The disk could not be copied (code ${outcome.code}): ${outcome.stderr.trim().slice(0, 1000)}`);
}
