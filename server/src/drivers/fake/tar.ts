import { posix } from "node:path";
import type { FakeDisk } from "./disk.ts";
import { describeFile, makeWay } from "./files.ts";
import { Refusal } from "./requests.ts";

const BLOCK = 512;
const filled = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

/** A directory's files and directories, or one file, as a ustar archive. */
export function packTree(disk: FakeDisk, path: string): { readonly archive: Buffer; readonly entries: number; readonly bytes: number } {
  const isDirectory = describeFile(disk, path).type === "directory";
  const paths = isDirectory ? below(disk, path) : [path];
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const one of paths) {
    const content = disk.hasDirectory(one) ? null : disk.read(one);
    parts.push(header(disk, one, isDirectory ? posix.relative(path, one) : posix.basename(one), content));
    if (content === null) continue;
    bytes += content.length;
    parts.push(content, Buffer.alloc(filled(content.length) - content.length));
  }
  return { archive: Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), entries: paths.length, bytes };
}

/** Puts an archive's files and directories below a directory. Throws `Refusal` and `DiskError`. */
export function unpackTree(disk: FakeDisk, directory: string, archive: Buffer): { readonly entries: number; readonly bytes: number } {
  const counts = { entries: 0, bytes: 0 };
  for (let at = 0; ;) {
    const block = archive.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw new Refusal("bad_archive", "the archive is cut: ");
    if (block.every((byte) => byte === 0)) return counts;
    const name = text(block, 0, 100);
    const size = Number.parseInt(text(block, 124, 12) || "0", 8);
    if (!Number.isSafeInteger(size) || text(block, 257, 5) !== "ustar")
      throw new Refusal("bad_archive", "no header of a member where one must be: ");
    if (name.startsWith("/") || name.split("/").includes("..")) throw new Refusal("outside", `a member leaves the directory: ${name}`);
    if (archive.length < at + BLOCK + filled(size)) throw new Refusal("bad_archive", `the archive is cut: ${name}`);
    put(disk, posix.join(directory, name), block.toString("latin1", 156, 157), archive.subarray(at + BLOCK, at + BLOCK + size), block);
    counts.entries += 1;
    counts.bytes += size;
    at += BLOCK + filled(size);
  }
}

function put(disk: FakeDisk, path: string, kind: string, content: Buffer, block: Buffer): void {
  const mode = Number.parseInt(text(block, 100, 8) || "644", 8);
  if (kind !== "5" && kind !== "0" && kind !== "\0") throw new Refusal("not_a_file", `a link or a device is not unpacked here: ${path}`);
  makeWay(disk, path);
  if (kind !== "5") return disk.put(path, Buffer.from(content), mode);
  if (!disk.hasDirectory(path)) disk.makeDirectory(path);
  disk.setFacts(path, { mode });
}

function below(disk: FakeDisk, path: string): readonly string[] {
  return disk.names(path).flatMap((name) => {
    const one = posix.join(path, name);
    return disk.hasDirectory(one) ? [one, ...below(disk, one)] : [one];
  });
}

function header(disk: FakeDisk, path: string, name: string, content: Buffer | null): Buffer {
  const { mode, uid, gid, modifiedAt } = disk.facts(path);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number): void => {
    block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  };
  const whole = content === null ? `${name}/` : name;
  if (Buffer.byteLength(whole) > 100) throw new Refusal("name_too_long", `too long for the archive of a fake capsule: ${name}`);
  block.write(whole, 0);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(content?.length ?? 0, 124, 12);
  octal(Math.floor(modifiedAt / 1000), 136, 12);
  block.write("        ", 148, "latin1");
  block.write(content === null ? "5" : "0", 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}

function text(block: Buffer, at: number, length: number): string {
  return (
    block
      .toString("utf8", at, at + length)
      .split("\0", 1)[0]
      ?.trim() ?? ""
  );
}
