import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "./wait.ts";

/** What capsules may leave on a host, counted from outside. */
export interface HostTraces {
  /** Lines of the mount table below the data directory or /run/capsuled, the store's own mount excepted. */
  readonly mounts: readonly string[];
  /** Cgroup directories that carry a capsule's id, in every hierarchy. */
  readonly cgroups: readonly string[];
  /** Processes that run in a capsule's cgroup or as one of its users. */
  readonly processes: readonly string[];
  readonly networkNamespaces: number;
  readonly loopDevices: readonly string[];
  /** Entries below /run/capsuled that carry a capsule's id, and reserved uid ranges. */
  readonly runEntries: readonly string[];
  /** Disks of capsules. */
  readonly disks: readonly string[];
}

const CAPSULE = /cl-[0-9a-z]{25}/;
/** First host uid of the ranges that capsules get. */
const UID_FIRST = 0x7000_0000;

export function hostTraces(dataDir: string): HostTraces {
  return {
    mounts: lines("/proc/self/mountinfo").filter((line) => CAPSULE.test(line)),
    cgroups: walk("/sys/fs/cgroup", 6).filter((path) => CAPSULE.test(path)),
    processes: pids().flatMap((pid) => capsuleProcess(pid)),
    networkNamespaces: new Set(pids().flatMap((pid) => link(`/proc/${pid}/ns/net`))).size,
    loopDevices: loopDevicesOf(dataDir),
    runEntries: [...walk("/run/capsuled", 4).filter((path) => CAPSULE.test(path)), ...walk("/run/capsuled/uids", 1)].sort(),
    disks: [...walk(join(dataDir, "capsules"), 1), ...walk(join(dataDir, "store/capsules"), 1)].sort(),
  };
}

/** Every process whose uids lie in a capsule's range or whose cgroup carries a capsule's id. */
function capsuleProcess(pid: number): readonly string[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    if (/^State:\s+[ZX]/m.test(status)) return [];
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    const cgroup = readFileSync(`/proc/${pid}/cgroup`, "utf8");
    if (uid < UID_FIRST && !CAPSULE.test(cgroup)) return [];
    return [`${pid} ${/^Name:\s+(.*)$/m.exec(status)?.[1] ?? ""}`];
  } catch {
    return [];
  }
}

export interface ProcessUse {
  readonly descriptors: number;
  readonly rssBytes: number;
  readonly threads: number;
  readonly children: number;
}

/** What a process of the host holds. */
export function processUse(pid: number): ProcessUse {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    rssBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    children: pids().filter((other) => parentOf(other) === pid).length,
  };
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
    const nspid = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]?.split(/\s+/) ?? [];
    return nspid.length === 2 && nspid[1] === "1";
  });
  if (found === undefined) throw new Error(`no agent of ${capsuleId} on this host`);
  return found;
}

/** The cgroup directories of a capsule that hold a file, over all hierarchies, e.g. every `memory.limit_in_bytes`. */
export function cgroupDirsWith(capsuleId: string, file: string): readonly string[] {
  return walk("/sys/fs/cgroup", 6).filter((path) => path.includes(capsuleId) && existsSync(join(path, file)));
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

function loopDevicesOf(dataDir: string): readonly string[] {
  const out = execFileSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], { encoding: "utf8" });
  return out.split("\n").filter((line) => line.includes(dataDir));
}

function lines(file: string): readonly string[] {
  return readFileSync(file, "utf8").split("\n");
}

function link(path: string): readonly string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

/** Paths below a directory, depth first, without following links. */
function walk(dir: string, depth: number): readonly string[] {
  if (depth === 0 || !existsSync(dir)) return [];
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory() ? [path, ...walk(path, depth - 1)] : [path];
    });
  } catch {
    return [];
  }
}
