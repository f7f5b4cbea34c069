import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { lstat, mkdir, open, symlink, unlink } from "node:fs/promises";
import type { Copied } from "./copied.ts";
import { leadsOut } from "./copied.ts";
import { ArchiveError, readTar } from "./read-tar.ts";
import type { ReadMember } from "./read-tar.ts";

const SLASH = Buffer.from("/");

/**
 * Unpacks a capsule's archive into a directory of this machine. The archive is a stranger's: nothing is written outside of the directory,
 * and no link on the way is followed, whether it came with the archive or was there before. Throws an `ArchiveError`.
 */
export async function unpack(source: AsyncIterable<Uint8Array>, target: Buffer, copied: Copied): Promise<void> {
  await mkdir(target, { recursive: true });
  const made = new Set<string>();
  for await (const one of readTar(source)) {
    const words = wordsOf(one.member.path);
    if (words.length === 0) continue;
    await write(one, words, target, made, copied);
  }
}

/** The parts of a member's path, none of which leads upwards. */
function wordsOf(path: Buffer): readonly string[] {
  // One character for each byte, so that no name is lost.
  const text = path.toString("latin1");
  const words = text.split("/").filter((word, at, all) => word !== "." && (word !== "" || (at > 0 && at < all.length - 1)));
  const isWrong = text.startsWith("/") || words.some((word) => word === "" || word === ".." || word.includes("\0") || hasSeparator(word));
  if (isWrong) throw new ArchiveError(`the capsule has a file with the name ${JSON.stringify(path.toString())}, which is not copied`);
  return words;
}

const hasSeparator = (word: string): boolean => process.platform === "win32" && /[\\:]/.test(word);

async function write(
  { member, content }: ReadMember,
  words: readonly string[],
  target: Buffer,
  made: Set<string>,
  copied: Copied,
): Promise<void> {
  for (let depth = 1; depth < words.length; depth += 1)
    await enter(placeOf(target, words.slice(0, depth)), words.slice(0, depth), made, 0o777);
  const place = placeOf(target, words);
  switch (member.type) {
    case "directory":
      return enter(place, words, made, member.mode | 0o700);
    case "file":
      await clear(place);
      await writeFile(place, member.mode & 0o777, content, copied);
      copied.files += 1;
      return;
    case "symlink":
      await clear(place, true);
      await symlink(member.link, place);
      copied.links += 1;
      if (leadsOut(words.join("/"), member.link.toString("latin1"))) copied.outward += 1;
  }
}

/** Makes a directory where there is none; what is there must be one itself, and no link to one. */
async function enter(place: Buffer, words: readonly string[], made: Set<string>, mode: number): Promise<void> {
  const name = words.join("/");
  if (made.has(name)) return;
  const found = await statusOf(place);
  if (found === null) await mkdir(place, { mode });
  else if (found.isSymbolicLink())
    throw new ArchiveError(`${place.toString()} is a link here, which is not followed: remove it, or copy to another place`);
  else if (!found.isDirectory()) throw new ArchiveError(`${place.toString()} is no directory here, and one in the capsule`);
  made.add(name);
}

/** Takes away what a file or link is to take the place of. A file that is there is kept, and written to. */
async function clear(place: Buffer, isAny = false): Promise<void> {
  const found = await statusOf(place);
  if (found === null) return;
  if (found.isDirectory()) throw new ArchiveError(`${place.toString()} is a directory here, and none in the capsule`);
  if (isAny || !found.isFile()) await unlink(place);
}

async function writeFile(place: Buffer, mode: number, content: AsyncIterable<Uint8Array>, copied: Copied): Promise<void> {
  const file = await open(place, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, mode);
  try {
    for await (const piece of content) {
      await file.writeFile(piece);
      copied.bytes += piece.length;
    }
  } finally {
    await file.close();
  }
}

async function statusOf(place: Buffer): Promise<Stats | null> {
  try {
    return await lstat(place);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function placeOf(target: Buffer, words: readonly string[]): Buffer {
  return Buffer.concat([target, SLASH, Buffer.from(words.join("/"), "latin1")]);
}
