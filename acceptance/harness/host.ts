import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { residentBytes } from "./memory.ts";
import { readState } from "./state.ts";
import { isAlive, waitUntil } from "./wait.ts";

/** What capsules may leave on a host, counted from outside. */
export interface HostTraces {
  /** Lines of the mount table that belong to capsules; the store's own is not one. */
  readonly mounts: readonly string[];
  /** Cgroup directories of capsules, in every hierarchy. */
  readonly cgroups: readonly string[];
  /** Live processes in capsules' cgroups. */
  readonly processes: readonly string[];
  /** Network namespaces that a mount keeps. */
  readonly networkNamespaces: readonly string[];
  /** Ends of capsules' pairs of interfaces whose address nobody holds. */
  readonly interfaces: readonly string[];
  readonly loopDevices: readonly string[];
  /** Entries below /run/capsuled of capsules, and reserved uid ranges. */
  readonly runEntries: readonly string[];
  /** Disks of capsules, and of templates made of them. */
  readonly disks: readonly string[];
}

const CAPSULE = /cl-[0-9a-z]{25}/;

/** What this data directory's installation has on the host; other installations beside it are not ours to count. */
export function hostTraces(dataDir: string): HostTraces {
  const installation = installationId(dataDir);
  return {
    mounts: lines("/proc/self/mountinfo").filter((line) => line.includes(installation) || line.includes(`${dataDir}/capsules/`)),
    cgroups: cgroupDirs(installation).filter((path) => CAPSULE.test(path)),
    processes: pids().flatMap((pid) => processOf(pid, installation)),
    networkNamespaces: lines("/proc/self/mountinfo").filter(
      (line) => / - nsfs /.test(line) && (line.includes(installation) || CAPSULE.test(line)),
    ),
    interfaces: strayInterfaces(installation),
    loopDevices: loopDevicesOf(dataDir),
    runEntries: [
      ...walk(`/run/capsuled/${installation}`, 3).filter((path) => CAPSULE.test(path)),
      ...uidRanges(installation),
      ...addresses(installation),
    ],
    disks: [
      ...walk(join(dataDir, "capsules"), 1),
      ...walk(join(dataDir, "store/capsules"), 1),
      ...walk(join(dataDir, "store/snapshots"), 1),
    ],
  };
}

/**
 * What the installation has on the host that it did not have before, each line after its kind; what has gone since is not told.
 * Interfaces have 10 s to go: the kernel removes them by itself, some time after the last process of their namespace.
 */
export async function newTraces(dataDir: string, before: HostTraces): Promise<readonly string[]> {
  const told = newLines(hostTraces(dataDir), before);
  const interfaces = (): readonly string[] => strayInterfaces(installationId(dataDir)).filter((name) => !before.interfaces.includes(name));
  const gone = (): true | undefined => (interfaces().length === 0 ? true : undefined);
  await waitUntil(gone, { what: "interfaces to go", timeoutMs: 10_000 }).catch(() => undefined); // what is left is told
  const left = new Set(interfaces());
  return told.filter(([kind, entry]) => kind !== "interfaces" || left.has(entry)).map(([kind, entry]) => `${kind}: ${entry}`);
}

function newLines(now: HostTraces, before: HostTraces): readonly (readonly [kind: string, entry: string])[] {
  const known = new Map<string, readonly string[]>(Object.entries(before));
  return Object.entries(now).flatMap(([kind, entries]: [string, readonly string[]]) =>
    entries.filter((entry) => !known.get(kind)?.includes(entry)).map((entry) => [kind, entry] as const),
  );
}

function installationId(dataDir: string): string {
  return z.object({ installation_id: z.string().min(8) }).parse(JSON.parse(readFileSync(join(dataDir, "installation.json"), "utf8")))
    .installation_id;
}

/** The installation's cgroup directories: below the one mount of v2, and below each hierarchy's of v1. */
function cgroupDirs(installation: string): readonly string[] {
  const mounts = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name))];
  return mounts.flatMap((mount) => walk(join(mount, "capsuled", installation), 4, true));
}

/** Uid ranges that the installation has reserved on this host. */
function uidRanges(installation: string): readonly string[] {
  return walk("/run/capsuled/uids", 1).filter((file) => {
    try {
      return readFileSync(file, "utf8").includes(installation);
    } catch {
      return false; // another installation gave it back meanwhile
    }
  });
}

/** Addresses that a capsule holds; those made ready for one to come hold no name. */
function addresses(installation: string): readonly string[] {
  return walk(addressesDir(installation), 1).filter((file) => {
    try {
      return CAPSULE.test(readFileSync(file, "utf8"));
    } catch {
      return false; // it was given back meanwhile
    }
  });
}

const addressesDir = (installation: string): string => `/run/capsuled/${installation}/network/addresses`;

function strayInterfaces(installation: string): readonly string[] {
  const hash = createHash("sha256").update(installation).digest("hex").slice(0, 8);
  const links = execFileSync("ip", ["-o", "link", "show", "type", "veth"], { encoding: "utf8" });
  return [...links.matchAll(/^\d+: (cv[0-9a-f]{8}-([0-9a-z]+))@/gm)]
    .filter(
      ([, name = "", n = ""]) =>
        name.startsWith(`cv${hash}-`) && !existsSync(join(addressesDir(installation), String(Number.parseInt(n, 36)))),
    )
    .map(([, name = ""]) => name);
}

function processOf(pid: number, installation: string): readonly string[] {
  try {
    if (!isAlive(pid) || !readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(installation)) return [];
    return [`${pid} ${readFileSync(`/proc/${pid}/comm`, "utf8").trim()}`];
  } catch {
    return [];
  }
}

export interface ProcessUse {
  readonly descriptors: number;
  readonly rssBytes: number;
  readonly threads: number;
  /** The launcher that a server keeps is not counted; its own, which are steps under way, are. */
  readonly children: number;
}

/** What a process of the host holds. */
export function processUse(pid: number): ProcessUse {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    rssBytes: residentBytes(pid),
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    children: childrenOf(pid).flatMap((child) => (isLauncher(child) ? childrenOf(child) : [child])).length,
  };
}

/** The launchers that a server keeps. */
export function launchersOf(pid: number): readonly number[] {
  return childrenOf(pid).filter(isLauncher);
}

function childrenOf(pid: number): readonly number[] {
  return pids().filter((other) => parentOf(other) === pid);
}

function isLauncher(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").endsWith("capsuled-launcher\0serve\0");
  } catch {
    return false;
  }
}

/** Host pids of the live processes in a capsule: those whose cgroup carries its id. */
export function pidsInCapsule(capsuleId: string): readonly number[] {
  return pids().filter((pid) => {
    try {
      return isAlive(pid) && readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(capsuleId);
    } catch {
      return false;
    }
  });
}

/** The host pid of a capsule's PID 1. */
export function agentPid(capsuleId: string): number {
  const found = pidsInCapsule(capsuleId).find((pid) => {
    try {
      const nspid = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]?.split(/\s+/) ?? [];
      return nspid.length === 2 && nspid[1] === "1";
    } catch {
      return false; // it has ended meanwhile
    }
  });
  if (found === undefined) throw new Error(`no agent of ${capsuleId} on this host`);
  return found;
}

/** The cgroup directories of a capsule that hold a file, over all hierarchies, e.g. every `memory.limit_in_bytes`. */
export function cgroupDirsWith(capsuleId: string, file: string): readonly string[] {
  return cgroupDirs(installationId(readState().dataDir)).filter((path) => path.includes(capsuleId) && existsSync(join(path, file)));
}

/** Cores that a capsule may use at once, and MiB of memory, as the kernel was told. */
export function limitsOf(capsuleId: string): { readonly vcpus: number; readonly memoryMb: number } {
  const read = (file: string): string | undefined => {
    const dir = cgroupDirsWith(capsuleId, file).find((path) => path.endsWith("/work"));
    return dir === undefined ? undefined : readFileSync(join(dir, file), "utf8").trim();
  };
  const [quota, period] = read("cpu.max")?.split(" ") ?? [read("cpu.cfs_quota_us"), read("cpu.cfs_period_us")]; // v2, then v1
  const memory = read("memory.max") ?? read("memory.limit_in_bytes");
  return { vcpus: Number(quota) / Number(period), memoryMb: Number(memory) / (1024 * 1024) };
}

export function pids(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** By their files: the number of a device is whichever is free when a server mounts its store, and others take some meanwhile. */
function loopDevicesOf(dataDir: string): readonly string[] {
  const out = execFileSync("losetup", ["--list", "--noheadings", "--output", "BACK-FILE"], { encoding: "utf8" });
  const files = out.split("\n").filter((line) => line.includes(`${dataDir}/`));
  return files.map((file, index) => `${file}, device ${files.slice(0, index).filter((other) => other === file).length + 1}`);
}

function lines(file: string): readonly string[] {
  return readFileSync(file, "utf8").split("\n");
}

/** Paths below a directory, without following links. */
function walk(dir: string, depth: number, dirsOnly = false): readonly string[] {
  if (depth === 0 || !existsSync(dir)) return [];
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      if (!entry.isDirectory()) return dirsOnly ? [] : [path];
      return [path, ...walk(path, depth - 1, dirsOnly)];
    });
  } catch {
    return [];
  }
}
