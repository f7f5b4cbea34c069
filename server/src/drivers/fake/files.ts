import { posix } from "node:path";
import { DiskError } from "./disk.ts";
import type { FakeDisk } from "./disk.ts";
import type { FileRequest } from "./requests.ts";
import { Refusal } from "./requests.ts";

/** Bytes of a name, and of a path, at most. */
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 4095;

/** The path of a request, its `..` resolved: there are no links here. Throws `Refusal`. */
export function pathOf(request: FileRequest, field: "path" | "from" | "to" = "path"): string {
  const { [field]: text, [`${field}_base64` as const]: base64 } = request;
  const given = typeof text === "string" ? text : base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("utf8");
  if (given === undefined || !given.startsWith("/")) throw new Refusal("bad_request", "must be absolute", field);
  const names = given.split("/");
  if (Buffer.byteLength(given) > PATH_BYTES_MAX || names.some((name) => Buffer.byteLength(name) > NAME_BYTES_MAX))
    throw new Refusal("name_too_long", "too long", field);
  return posix.resolve("/", given);
}

/** The protocol's word for what the disk says. */
export function diskRefusal(error: DiskError): Refusal {
  return new Refusal(WORDS[error.message] ?? "io_error", error.message);
}

const WORDS: Readonly<Record<string, string>> = {
  "No such file or directory": "not_found",
  "File exists": "exists",
  "Is a directory": "is_directory",
  "Not a directory": "not_directory",
  "Directory not empty": "not_empty",
  "No space left on device": "disk_full",
};

/** An entry as agent/PROTOCOL.md has it. */
export function describeFile(disk: FakeDisk, path: string) {
  requireWay(disk, path);
  const isDirectory = disk.hasDirectory(path);
  if (!isDirectory && !disk.hasFile(path)) throw new DiskError("No such file or directory");
  const { mode, modifiedAt, uid, gid } = disk.facts(path);
  const bits = [6, 3, 0].map((shift) => [4, 2, 1].map((bit, at) => ((mode >> shift) & bit ? "rwx".charAt(at) : "-")).join("")).join("");
  return {
    name: path === "/" ? "/" : posix.basename(path),
    path,
    type: isDirectory ? "directory" : "file",
    size: isDirectory ? 0 : disk.read(path).length,
    mode,
    permissions: `${isDirectory ? "d" : "-"}${bits}`,
    uid,
    gid,
    owner: nameOf(uid),
    group: nameOf(gid),
    modified_at_ms: modifiedAt,
  };
}

function nameOf(id: number): string {
  return id === 0 ? "root" : String(id);
}

/** A page of a list: what is below a directory comes right behind it. */
export function listPage(disk: FakeDisk, path: string, { depth, limit, after }: FileRequest): object {
  if (describeFile(disk, path).type !== "directory") throw new DiskError("Not a directory");
  const all = [...below(disk, path, depth)];
  const behind = after === undefined ? -1 : all.indexOf(posix.resolve("/", after));
  const paths = all.slice(behind + 1, behind + 1 + limit);
  const isMore = behind + 1 + paths.length < all.length;
  return { entries: paths.map((one) => describeFile(disk, one)), next: isMore ? (paths.at(-1) ?? null) : null };
}

function* below(disk: FakeDisk, directory: string, depth: number): Generator<string> {
  for (const name of disk.names(directory)) {
    const path = posix.join(directory, name);
    yield path;
    if (depth > 1 && disk.hasDirectory(path)) yield* below(disk, path, depth - 1);
  }
}

export function makeDirectory(disk: FakeDisk, path: string, parents: boolean): void {
  if (disk.hasFile(path)) throw new DiskError("Not a directory");
  if (disk.hasDirectory(path)) throw new DiskError("File exists");
  if (parents) makeWay(disk, path);
  requireWay(disk, path);
  disk.makeDirectory(path);
}

/** Makes the directories that lead to a path. */
export function makeWay(disk: FakeDisk, path: string): void {
  const way = posix.dirname(path);
  requireWay(disk, path);
  if (disk.hasDirectory(way)) return;
  makeWay(disk, way);
  disk.makeDirectory(way);
}

/** A file in the way is told as such. */
function requireWay(disk: FakeDisk, path: string): void {
  for (let way = posix.dirname(path); way !== "/"; way = posix.dirname(way)) if (disk.hasFile(way)) throw new DiskError("Not a directory");
}

/** How many entries went. */
export function removeTree(disk: FakeDisk, path: string, recursive: boolean): number {
  if (path === "/") throw new Refusal("bad_request", "is the root of the capsule", "path");
  requireWay(disk, path);
  if (!disk.hasDirectory(path)) {
    disk.remove(path);
    return 1;
  }
  let removed = 1;
  if (recursive) for (const name of disk.names(path)) removed += removeTree(disk, posix.join(path, name), true);
  disk.removeDirectory(path);
  return removed;
}
