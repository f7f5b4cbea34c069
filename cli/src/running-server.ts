import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isServer } from "./server-program.ts";

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

/** What a server wrote when it began to listen. */
function addressIn(dataDir: string): { readonly pid: number; readonly url: string } | null {
  try {
    const value: unknown = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8"));
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
    const pid = Number(readFileSync(file, "utf8"));
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
