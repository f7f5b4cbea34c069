import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, posix, resolve } from "node:path";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { ApiError, InvalidRequestError, NotFoundError } from "capsuled";
import type { Files, schemas } from "capsuled";
import { ExitError, EXIT } from "../exit.ts";
import { webStream } from "../web-stream.ts";
import type { Copied } from "./copied.ts";
import { pack, sumOf } from "./pack.ts";
import { unpack } from "./unpack.ts";

/** Levels below a directory that a server lists at once. */
const DEPTH_MAX = 256;

/** Links that are followed one after another, where a link is named. */
const LINKS_MAX = 40;

/** What is to be copied in all, as far as it is known. */
export interface Total {
  bytes: number | null;
}

/** One command's copying: what of it is done, how much there is, and what ends it. */
export interface Copy {
  readonly copied: Copied;
  readonly total: Total;
  readonly signal: AbortSignal;
}

/** Copies a file or directory of this machine into a capsule; into the target where that is a directory. What is there stays beside it. */
export async function copyIn(files: Files, from: string, to: string, { copied, total, signal }: Copy): Promise<void> {
  const facts = await stat(from);
  const isInto = (to.endsWith("/") || (await isDirectory(files, to))) && !isContents(from);
  const target = isInto ? posix.join(to, basename(resolve(from))) : to;
  if (!facts.isDirectory()) {
    requireBytes(from, facts);
    add(total, facts.size);
    const mode = (facts.mode & 0o777).toString(8).padStart(3, "0");
    const source = webStream(createReadStream(from), (bytes) => (copied.bytes += bytes));
    await atPath(target, files.write(target, source, { mode, signal }));
    copied.files += 1;
    return;
  }
  const directory = Buffer.from(from);
  add(total, (await sumOf(directory)).bytes);
  // Into one that is there what is copied goes beside and over what it has.
  if (!(await isDirectory(files, target))) await atPath(target, files.makeDirectory(target, { signal }));
  // What is wrong with a file here would else be told as a connection that broke.
  let wrong: unknown;
  async function* noted(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* pack(directory, copied);
    } catch (error) {
      wrong = error;
      throw error;
    }
  }
  try {
    await atPath(target, files.writeArchive(target, webStream(noted()), { uid: 0, gid: 0, signal }));
  } catch (error) {
    throw wrong ?? error;
  }
}

/** Refuses what is neither a file nor a directory: to open it may wait for ever, and what waits so cannot be ended. */
export function requireBytes(from: string, facts: Pick<Stats, "isFile" | "isFIFO" | "isSocket">): void {
  if (facts.isFile()) return;
  const what = facts.isFIFO() ? "a pipe" : facts.isSocket() ? "a socket" : "a device";
  throw new ExitError(
    EXIT.failure,
    `${from} is ${what}, which cannot be copied by its name: … | capsuled cp - CAPSULE:PATH takes what a pipe gives`,
  );
}

/** Copies a file or directory of a capsule to this machine. */
export async function copyOut(files: Files, from: string, to: string, copy: Copy): Promise<void> {
  const { copied, total, signal } = copy;
  const facts = await sourceOf(files, from);
  const here = await stat(to).catch(() => null);
  const isInto = here?.isDirectory() === true && !isContents(from);
  const target = isInto ? join(to, checkedName(facts.name)) : to;
  if (facts.type === "file") {
    if (target.endsWith("/")) throw new ExitError(EXIT.failure, `${to}: there is no such directory here`);
    add(total, facts.size);
    await download(await atPath(facts.path, files.readStream(facts.path, { signal })), target, facts.mode & 0o777, copied);
    copied.files += 1;
    return;
  }
  await measure(files, facts.path, copy);
  await unpack(await atPath(facts.path, files.readArchive(facts.path, { signal })), Buffer.from(target), copied);
}

/** What is named, behind its links. Refuses what has no bytes. */
export async function sourceOf(files: Files, from: string): Promise<schemas.FileEntry> {
  const named = await factsOf(files, from);
  const facts = named.type === "symlink" ? await factsOf(files, await behindLink(files, named)) : named;
  if (facts.special !== undefined)
    throw new ExitError(EXIT.failure, `${from} is a ${facts.special.replace("_", " ")}, which has no bytes to copy`);
  // A copy has the name that was given.
  return { ...facts, name: named.name };
}

/** Counts what a directory of a capsule has: its bytes, and what will be left out. */
export async function measure(files: Files, directory: string, { copied, total, signal }: Copy): Promise<void> {
  let bytes = 0;
  for await (const entry of files.list(directory, { depth: DEPTH_MAX, signal })) {
    if (entry.special !== undefined) copied.special += 1;
    else if (entry.type === "file") bytes += entry.size;
  }
  add(total, bytes);
}

/** Refuses what several things cannot be copied into. `files`: of the capsule in which it is; `null` for this machine. */
export async function requireDirectory(files: Files | null, path: string): Promise<void> {
  const isThere = files === null ? (await stat(path).catch(() => null))?.isDirectory() === true : await isDirectory(files, path);
  // In a capsule it is made where the name says that it is one.
  if (isThere || (files !== null && path.endsWith("/"))) return;
  const where = files === null ? "here" : "in the capsule";
  throw new ExitError(EXIT.failure, `${path}: there is no such directory ${where}, and several files go into one`);
}

/** Says which path is wrong, where the server says that it is the path. */
export async function atPath<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    // The capsule's kernel refuses, and no key.
    if (error instanceof ApiError && error.code === "forbidden" && error.message.startsWith("The capsule's kernel "))
      throw new ExitError(EXIT.failure, `${path}: the capsule's kernel does not allow it there`);
    if (!(error instanceof InvalidRequestError) || !error.message.startsWith("path: ")) throw error;
    throw new ExitError(EXIT.failure, `${path}: ${error.message.slice("path: ".length)}`);
  }
}

export function add(total: Total, bytes: number): void {
  total.bytes = (total.bytes ?? 0) + bytes;
}

async function factsOf(files: Files, path: string): Promise<schemas.FileEntry> {
  try {
    return await atPath(path, files.stat(path));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new ExitError(EXIT.failure, `${path}: there is no such file or directory in the capsule`);
  }
}

/** Where a link that was named itself leads to in the end: that is what is meant. */
async function behindLink(files: Files, link: schemas.FileEntry): Promise<string> {
  let at = link;
  for (let count = 0; count < LINKS_MAX && at.type === "symlink"; count += 1) {
    at = await factsOf(files, posix.resolve(posix.dirname(at.path), at.symlink_target ?? ""));
  }
  if (at.type === "symlink") throw new ExitError(EXIT.failure, `${link.path} is a link that leads to no file`);
  return at.path;
}

/** `DIR/.` is what is in the directory, without the directory. */
const isContents = (path: string): boolean => path === "." || path.endsWith("/.");

/** Writes a file beside its place and puts it there when it is whole; into what is there and no file (a device, say) at once. */
async function download(source: AsyncIterable<Uint8Array>, target: string, mode: number, copied: Copied): Promise<void> {
  const there = await stat(target).catch(() => null);
  // Where it is to lie is named if it is not there, and not the name that the file has meanwhile.
  await stat(dirname(target));
  const isDirect = there !== null && !there.isFile();
  const place = isDirect ? target : join(dirname(target), `.${basename(target)}.${randomBytes(4).toString("hex")}`);
  const flags = constants.O_WRONLY | (isDirect ? 0 : constants.O_CREAT | constants.O_EXCL);
  const file = await open(place, flags, there?.mode ?? mode);
  try {
    for await (const piece of source) {
      await file.writeFile(piece);
      copied.bytes += piece.length;
    }
    await file.close();
    if (!isDirect) await rename(place, target);
  } catch (error) {
    await file.close().catch(() => {});
    if (!isDirect) await rm(place, { force: true });
    throw error;
  }
}

/** A name from a capsule that stays in its directory. */
function checkedName(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name))
    throw new ExitError(EXIT.failure, `the capsule has a file with the name ${JSON.stringify(name)}, which is not copied`);
  return name;
}

export async function isDirectory(files: Files, path: string): Promise<boolean> {
  return (await atPath(path, files.exists(path))) && (await files.stat(path)).type === "directory";
}
