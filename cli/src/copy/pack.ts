import { constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import type { Copied } from "./copied.ts";
import { ExitError, EXIT } from "../exit.ts";
import type { Member } from "./tar-format.ts";
import { BLOCK, headerOf, paddingOf } from "./tar-format.ts";

/** Bytes of a file that are read at once. */
const PIECE_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);
const SLASH = Buffer.from("/");

/** What a directory holds, before it is copied. */
export interface Sum {
  bytes: number;
}

/** Adds up the files below a directory. */
export async function sumOf(directory: Buffer, sum: Sum = { bytes: 0 }): Promise<Sum> {
  for (const entry of await readdir(directory, { withFileTypes: true, encoding: "buffer" })) {
    const path = joined(directory, entry.name);
    if (entry.isDirectory()) await sumOf(path, sum);
    else if (entry.isFile()) sum.bytes += (await lstat(path)).size;
  }
  return sum;
}

/** A directory as a tar archive: links as they are and never followed, files that have several names once for each. Counts what it packs. */
export async function* pack(directory: Buffer, copied: Copied): AsyncGenerator<Uint8Array, void, undefined> {
  yield* packBelow(directory, NOTHING, copied);
  yield Buffer.alloc(2 * BLOCK);
}

async function* packBelow(directory: Buffer, prefix: Buffer, copied: Copied): AsyncGenerator<Uint8Array, void, undefined> {
  for (const entry of await readdir(directory, { withFileTypes: true, encoding: "buffer" })) {
    const [from, path] = [joined(directory, entry.name), prefix.length === 0 ? entry.name : joined(prefix, entry.name)];
    if (entry.isDirectory()) {
      const { mode, mtimeMs } = await lstat(from);
      yield headerOf(memberOf(path, "directory", mode, mtimeMs));
      yield* packBelow(from, path, copied);
    } else if (entry.isFile()) {
      yield* packFile(from, path, copied);
      copied.files += 1;
    } else if (entry.isSymbolicLink()) {
      const { mode, mtimeMs } = await lstat(from);
      yield headerOf({ ...memberOf(path, "symlink", mode, mtimeMs), link: await readlink(from, { encoding: "buffer" }) });
      copied.links += 1;
    } else copied.special += 1;
  }
}

async function* packFile(from: Buffer, path: Buffer, copied: Copied): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { mode, mtimeMs, size } = await file.stat();
    yield headerOf({ ...memberOf(path, "file", mode, mtimeMs), size });
    for (let left = size; left > 0;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(Math.min(left, PIECE_BYTES)));
      // The header has told its size.
      if (bytesRead === 0) throw new ExitError(EXIT.failure, `${from.toString()} became shorter while it was copied`);
      left -= bytesRead;
      copied.bytes += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    yield Buffer.alloc(paddingOf(size));
  } finally {
    await file.close();
  }
}

function memberOf(path: Buffer, type: Member["type"], mode: number, mtimeMs: number): Member {
  return { path, type, mode: mode & 0o777, size: 0, mtime: mtimeMs / 1000, link: NOTHING };
}

function joined(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}
