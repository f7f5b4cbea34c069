import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DataDirError } from "./data-dir.ts";
import { codeOf } from "../lib/error-code.ts";

/** Held until `release`, or until the process ends in whatever way. */
export interface DataDirLock {
  release(): void;
}

/** SQLite's primary result codes. */
const SQLITE_READONLY = 8;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;

/** Held locks: without a reference the garbage collector would close the database and so free the lock, if a caller drops the result. */
const held = new Set<DatabaseSync>();

/**
 * Keeps a second server off one data directory, or throws `DataDirError` naming the first one's pid.
 *
 * The lock is SQLite's exclusive lock on an empty database, a POSIX record lock: the kernel frees it when the process ends,
 * children do not inherit it, and it holds across network namespaces and containers, which an abstract socket does not.
 * Nothing else in this process may open `lock.db`, since closing any descriptor of it would free the lock.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  const path = join(dataDir, "lock.db");
  const pidPath = join(dataDir, "lock.pid");
  const lock = openLock(dataDir, path);
  try {
    lock.exec("pragma journal_mode = memory; begin exclusive");
    writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === 5)) throw unusable(dataDir, error);
    throw new DataDirError(
      `another server (pid ${readPid(pidPath)}) uses the data directory ${dataDir}: stop it, or give this one a directory of its own by CAPSULED_DATA_DIR`,
    );
  }
  held.add(lock);
  return {
    release: () => {
      if (held.delete(lock)) lock.close();
    },
  };
}

function openLock(dataDir: string, path: string): DatabaseSync {
  try {
    makeLockFile(path);
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

/** What a file system that takes no writes throws, in words; anything else as it is. */
function unusable(dataDir: string, error: unknown): unknown {
  const code = codeOf(error);
  const errcode = error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
  if (code === "EROFS" || errcode === SQLITE_READONLY) return new DataDirError(`the data directory ${dataDir} is read-only`);
  if (code === "EACCES" || errcode === SQLITE_CANTOPEN)
    return new DataDirError(
      `the data directory ${dataDir} is another user's: start the server as root (with sudo), or set CAPSULED_DATA_DIR`,
    );
  if (code === "ENOSPC" || errcode === SQLITE_FULL) return new DataDirError(`the disk of the data directory ${dataDir} is full`);
  return error;
}

/** Its owner's only, since whoever may read the file may lock it and so keep a server from starting. Opens no file that exists. */
function makeLockFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

function readPid(path: string): string {
  try {
    return /^\d+/.exec(readFileSync(path, "utf8"))?.[0] ?? "unknown";
  } catch {
    return "unknown";
  }
}
