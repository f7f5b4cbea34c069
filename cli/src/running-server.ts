import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isServer } from "./server-program.ts";
import { readSmallFile } from "./small-file.ts";

/** The server that uses a data directory now. */
export interface RunningServer {
  readonly pid: number;
  /** Whether `capsuled start` started it. */
  readonly isOurs: boolean;
  /** Where it listens; `null` while it starts. */
  readonly url: string | null;
}

/** Where `capsuled start` writes the pid of what it started. */
export const pidFileOf = (dataDir: string): string => join(dataDir, "server.pid");

/**
 * The server of a data directory: the one that `capsuled start` started, else the one that holds the directory's lock. Pids are given to
 * other processes in time, so a pid in a file counts only where its process is a server, and that of the lock only where the kernel
 * says that this process holds it.
 */
export function findRunningServer(dataDir: string): RunningServer | null {
  const listening = addressIn(dataDir);
  const urlOf = (pid: number): string | null => (listening?.pid === pid ? listening.url : null);
  const ours = pidIn(pidFileOf(dataDir));
  if (ours !== null) return { pid: ours, isOurs: true, url: urlOf(ours) };
  const holder = pidIn(join(dataDir, "lock.pid"));
  return holder !== null && holdsLock(holder, join(dataDir, "lock.db")) ? { pid: holder, isOurs: false, url: urlOf(holder) } : null;
}

/** Where the server of a data directory listens, which every user of this machine may know; `null` where none runs. */
export function findServerUrl(dataDir: string): string | null {
  const listening = addressIn(dataDir);
  if (listening === null || !runsAsServer(listening.pid)) return null;
  return holdsLock(listening.pid, join(dataDir, "lock.db")) ? listening.url : null;
}

/** A server of this machine, which may be any user's. */
export interface OtherServer {
  readonly pid: number;
  /** `null` where this user cannot see it. */
  readonly dataDir: string | null;
}

/** The servers of this machine: their data directories can be told of those of this user, and of all of them for root. */
export function otherServers(): readonly OtherServer[] {
  return pids().flatMap((pid): readonly OtherServer[] => {
    if (!runsAsServer(pid)) return [];
    const dataDir = dataDirOf(pid);
    // A child of a server is none, and a process whose command line only looks like one neither.
    if (dataDir !== null) return findRunningServer(dataDir)?.pid === pid ? [{ pid, dataDir }] : [];
    return isForeign(pid) ? [{ pid, dataDir: null }] : [];
  });
}

/** Those whose data directories can be told. */
export function runningServers(): readonly { readonly pid: number; readonly dataDir: string }[] {
  return otherServers().flatMap(({ pid, dataDir }) => (dataDir === null ? [] : [{ pid, dataDir }]));
}

function isForeign(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/cwd`);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES";
  }
}

function pids(): readonly number[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return []; // no Linux
  }
}

/** Of a server that was told where: by its option, or by its environment. */
function dataDirOf(pid: number): string | null {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const at = words.indexOf("--data-dir");
    const option = at === -1 ? words.find((word) => word.startsWith("--data-dir="))?.slice("--data-dir=".length) : words[at + 1];
    const told = option ?? variables.find((one) => one.startsWith("CAPSULED_DATA_DIR="))?.slice("CAPSULED_DATA_DIR=".length);
    return told === undefined || told === "" ? null : resolve(readlinkSync(`/proc/${pid}/cwd`), told);
  } catch {
    return null;
  }
}

/** What a server wrote when it began to listen. */
function addressIn(dataDir: string): { readonly pid: number; readonly url: string } | null {
  try {
    const value: unknown = JSON.parse(readSmallFile(join(dataDir, "server.json")));
    if (typeof value !== "object" || value === null || !("pid" in value) || !("url" in value)) return null;
    const { pid, url } = value;
    return typeof pid === "number" && typeof url === "string" ? { pid, url } : null;
  } catch {
    return null;
  }
}

/** The pid in a file, where that process runs and is a server. */
function pidIn(file: string): number | null {
  try {
    const pid = Number(readSmallFile(file));
    return runsAsServer(pid) ? pid : null;
  } catch {
    return null;
  }
}

function runsAsServer(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 1 && isAlive(pid) && isServer(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  } catch {
    return false;
  }
}

/** Whether the kernel lists a lock of a process on a file. */
function holdsLock(pid: number, file: string): boolean {
  try {
    return isLocker(readFileSync("/proc/locks", "utf8"), pid, statSync(file).ino);
  } catch {
    return false;
  }
}

/** Lines are `1: POSIX ADVISORY WRITE 4711 fe:00:393219 0 EOF`; devices are not told as `stat` tells them on every file system. */
export function isLocker(locks: string, pid: number, inode: number): boolean {
  return locks.split("\n").some((line) => {
    const [, , , , by, place = ""] = line.trim().split(/ +/);
    return by === String(pid) && place.split(":")[2] === String(inode);
  });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A child of ours that has ended and was not waited for yet is no server.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
