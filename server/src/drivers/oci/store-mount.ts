import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { isMissing } from "../../lib/node/missing.ts";
import type { Launcher } from "./launcher.ts";
import type { Layout } from "./layout.ts";
import { parseMountinfo } from "./mountinfo.ts";
import type { OciOptions } from "./options.ts";
import { runProgram } from "./run-program.ts";

/** What the store is: btrfs with quotas (its own image, or the data directory's file system), or plain directories without. */
export type StoreKind = "image" | "native" | "plain";

const BTRFS_MAGIC = 0x9123683e;
const MiB = 1024 * 1024;
/** mkfs.btrfs refuses much less. */
const IMAGE_MIN_MB = 256;
const COMMAND_MS = 60_000;

/** Makes the store ready: templates and disks lie in it. Finds what an earlier start mounted. */
export async function openStore(options: OciOptions, layout: Layout, launcher: Launcher): Promise<StoreKind> {
  mkdirSync(layout.storeDir, { recursive: true, mode: 0o700 });
  const kind = await mountStore(options, layout, launcher);
  // A new file system's root is open to everyone, and setuid files of capsules lie below.
  chmodSync(layout.storeDir, 0o700);
  for (const dir of [layout.templatesDir, layout.disksDir, layout.snapshotsDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  return kind;
}

async function mountStore(options: OciOptions, layout: Layout, launcher: Launcher): Promise<StoreKind> {
  if (mountAt(layout.storeDir) !== undefined) {
    // Whoever mounted it may have been cut off before the quotas were on; where they are, this changes nothing.
    await launcher.enableQuota(layout.storeDir, "simple");
    return "image";
  }
  const native = statfsSync(layout.dataDir).type === BTRFS_MAGIC;
  if (native) {
    await launcher.enableQuota(layout.storeDir, "full");
    return "native";
  }
  if (!existsSync(layout.storeImage)) {
    if (!(await hasBtrfs())) return "plain";
    await makeImage(options, layout);
  }
  await mountImage(layout);
  const quota = await launcher.enableQuota(layout.storeDir, "simple");
  options.log.info({ image: layout.storeImage, quota }, "the store is mounted");
  return "image";
}

/**
 * Whether a disk's limit counts the blocks that it shares with what it began as. Full quotas do, which kernels before 6.7 have only and
 * which a store made by one keeps; simple ones charge the disk that wrote a block first.
 */
export async function countsShared(launcher: Launcher, kind: StoreKind, storeDir: string): Promise<boolean> {
  if (kind === "plain") return false;
  const { fileSystem } = await launcher.subvolumeOf(storeDir);
  return quotaMode(`/sys/fs/btrfs/${fileSystem}/qgroups`) !== "squota";
}

/** What the kernel says in a file that came with the simple quotas; `null` where there is none. */
export function quotaMode(directory: string): string | null {
  try {
    return readFileSync(`${directory}/mode`, "utf8").trim();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** What is mounted exactly at `path`. */
function mountAt(path: string) {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")).find((mount) => mount.mountPoint === path);
}

/** Whether the kernel has btrfs (perhaps as a module) and the host the tool that makes one. */
export async function hasBtrfs(): Promise<boolean> {
  const known = () => /\bbtrfs$/m.test(readFileSync("/proc/filesystems", "utf8"));
  try {
    if (!known()) await runProgram("modprobe", ["btrfs"], { timeoutMs: COMMAND_MS });
    await runProgram("mkfs.btrfs", ["--version"], { timeoutMs: COMMAND_MS });
  } catch {
    return false;
  }
  return known();
}

/** Whether disks will have limits here; asked before anything is made, so modules that are not loaded count as well. */
export function hasQuota(options: OciOptions): boolean {
  const module = `/lib/modules/${release()}/kernel/fs/btrfs`;
  const kernel = /\bbtrfs$/m.test(readFileSync("/proc/filesystems", "utf8")) || existsSync(module);
  const tool = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].some((dir) => existsSync(`${dir}/mkfs.btrfs`));
  return kernel && (tool || existsSync(`${options.dataDir}/store.img`));
}

/** A sparse file takes disk only as it fills; it appears under its name only when it holds a file system. */
async function makeImage(options: OciOptions, layout: Layout): Promise<void> {
  const { bavail, bsize } = statfsSync(layout.dataDir);
  const sizeMb = options.storeMb > 0 ? options.storeMb : Math.floor((bavail * bsize * 0.8) / MiB);
  if (sizeMb < IMAGE_MIN_MB)
    throw new Error(`The disk image would have ${sizeMb} MiB; it needs ${IMAGE_MIN_MB}. Free some disk, or set a larger size.`);
  const unfinished = `${layout.storeImage}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, "", { mode: 0o600 });
  truncateSync(unfinished, sizeMb * MiB);
  await must("mkfs.btrfs", ["--quiet", "--nodiscard", "--metadata", "single", "--data", "single", unfinished]);
  renameSync(unfinished, layout.storeImage);
}

async function mountImage(layout: Layout): Promise<void> {
  // A start that was cut off may have left the device attached.
  const attached = await must("losetup", ["--noheadings", "--output", "NAME", "--associated", layout.storeImage]);
  const device = attached.trim().split("\n")[0] || (await attach(layout.storeImage));
  await must("mount", ["-t", "btrfs", "-o", "noatime,nosuid,nodev,discard=async", device, layout.storeDir]);
  // The device now goes away by itself with the mount.
  await must("losetup", ["--detach", device]);
}

/** Direct I/O, so that pages are not cached twice; without it where the file system below cannot. */
async function attach(image: string): Promise<string> {
  const direct = await runProgram("losetup", ["--find", "--show", "--direct-io=on", image], { timeoutMs: COMMAND_MS });
  if (direct.code === 0) return direct.stdout.trim();
  return (await must("losetup", ["--find", "--show", image])).trim();
}

/** Unmounts an image's store. For the end of tests and of an installation; running capsules keep their parts of it. */
export async function closeStore(layout: Layout): Promise<void> {
  if (mountAt(layout.storeDir) !== undefined) await must("umount", [layout.storeDir]);
}

async function must(program: string, args: readonly string[]): Promise<string> {
  const outcome = await runProgram(program, args, { timeoutMs: COMMAND_MS });
  if (outcome.code !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${outcome.stderr.trim() || `exit code ${outcome.code}`}`);
  return outcome.stdout;
}
