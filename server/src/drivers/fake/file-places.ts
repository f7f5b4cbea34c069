import { posix } from "node:path";
import { DiskError } from "./disk.ts";
import type { FakeDisk } from "./disk.ts";
import { describeFile, diskRefusal, makeWay, pathOf, removeTree } from "./files.ts";
import type { FileRequest } from "./requests.ts";
import { Refusal } from "./requests.ts";

/** `move` of a worker: the entry at its new place. */
export function moveTree(disk: FakeDisk, request: FileRequest): object {
  const from = pathOf(request, "from");
  const to = pathOf(request, "to");
  blame("from", () => describeFile(disk, from));
  if (from === "/") throw new Refusal("bad_request", "is the root of the capsule", "from");
  if (to.startsWith(`${from}/`)) throw new Refusal("bad_request", "cannot be moved into itself", "to");
  if (from === to) return { entry: describeFile(disk, to) };
  blame("to", () => clear(disk, from, to, request, true));
  disk.asMove(from, to, () => {
    blame("to", () => copyTree(disk, from, to));
    removeTree(disk, from, true);
  });
  return { entry: describeFile(disk, to) };
}

/** `copy` of a worker: what was copied. */
export function copyFiles(disk: FakeDisk, request: FileRequest): object {
  const from = pathOf(request, "from");
  const to = pathOf(request, "to");
  const isDirectory = blame("from", () => describeFile(disk, from)).type === "directory";
  if (isDirectory && !request.recursive) throw new Refusal("is_directory", "is a directory", "from");
  if (from === to) throw new Refusal("bad_request", "is a copy to itself", "to");
  const counts = blame("to", () => {
    clear(disk, from, to, request, false);
    return copyTree(disk, from, to);
  });
  return { entry: describeFile(disk, to), ...counts, skipped: 0 };
}

/** `chmod` of a worker. */
export function changeModes(disk: FakeDisk, { mode, uid, gid, recursive }: FileRequest, path: string): object {
  if (mode === undefined && uid === undefined && gid === undefined) throw new Refusal("bad_request", "is missing", "mode");
  describeFile(disk, path);
  const paths = recursive && disk.hasDirectory(path) ? treeOf(disk, path) : [path];
  for (const one of paths)
    disk.setFacts(one, { ...(mode !== undefined && { mode }), ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) });
  return { entry: describeFile(disk, path), changed: paths.length };
}

function treeOf(disk: FakeDisk, path: string): readonly string[] {
  return [path, ...(disk.hasDirectory(path) ? disk.names(path).flatMap((name) => treeOf(disk, posix.join(path, name))) : [])];
}

/** Makes room for what comes to a path, or refuses. */
function clear(disk: FakeDisk, from: string, to: string, request: FileRequest, isMove: boolean): void {
  if (request.create_parents) makeWay(disk, to);
  const isThere = disk.hasDirectory(to) || disk.hasFile(to);
  if (!isThere) return;
  if (!request.overwrite) throw new DiskError("File exists");
  if (disk.hasDirectory(from) !== disk.hasDirectory(to)) throw new DiskError(disk.hasDirectory(to) ? "Is a directory" : "Not a directory");
  if (!disk.hasDirectory(to)) return;
  if (!isMove) throw new DiskError("File exists");
  removeTree(disk, to, false);
}

function copyTree(disk: FakeDisk, from: string, to: string): { readonly entries: number; readonly bytes: number } {
  const { mode, uid, gid } = disk.facts(from);
  if (!disk.hasDirectory(from)) {
    const bytes = disk.read(from);
    disk.put(to, bytes, mode);
    disk.setFacts(to, { uid, gid });
    return { entries: 1, bytes: bytes.length };
  }
  const names = disk.names(from);
  disk.makeDirectory(to);
  disk.setFacts(to, { mode, uid, gid });
  const counts = { entries: 1, bytes: 0 };
  for (const name of names) {
    const below = posix.join(from, name);
    // What is copied into itself is copied once.
    if (below === to) continue;
    const { entries, bytes } = copyTree(disk, below, posix.join(to, name));
    counts.entries += entries;
    counts.bytes += bytes;
  }
  return counts;
}

/** A refusal of the disk's is about this field. */
function blame<T>(field: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    const { code, message } = diskRefusal(error);
    throw new Refusal(code, message, field);
  }
}
