import type { FileHandle } from "node:fs/promises";
import { ImageError } from "../../core/ports/images.ts";
import { IMAGE_LIMITS } from "../limits.ts";

const BLOCK = 512;
/** Bytes of one extended header, of which only a name or two and a size are kept. */
const EXTENDED_BYTES_MAX = 64 * 1024;
/** Bytes of a name, or of what a link leads to: as many as Linux takes. */
const NAME_BYTES_MAX = 4096;

/** A file of an archive: where its content is. */
export interface ArchiveFile {
  readonly at: number;
  readonly sizeBytes: number;
}

export interface ArchiveIndex {
  readonly files: ReadonlyMap<string, ArchiveFile>;
  /** Names that stand for another name. */
  readonly links: ReadonlyMap<string, string>;
}

/**
 * Finds the files of a tar archive by its headers, without reading what is between. Throws `ImageError` for what is no archive, and the
 * signal's reason.
 */
export async function indexArchive(archive: FileHandle, sizeBytes: number, signal: AbortSignal): Promise<ArchiveIndex> {
  const files = new Map<string, ArchiveFile>();
  const links = new Map<string, string>();
  for await (const { kind, name, target, at, sizeBytes: bytes } of entriesOf(archive, sizeBytes, signal)) {
    if (kind === "0" || kind === "\0") files.set(normal(name), { at, sizeBytes: bytes });
    else if (kind === "1") links.set(normal(name), normal(target));
    else if (kind === "2") links.set(normal(name), normal(`${name.split("/").slice(0, -1).join("/")}/${target}`));
  }
  return { files, links };
}

interface Entry extends ArchiveFile {
  /** The format's type flag. */
  readonly kind: string;
  readonly name: string;
  /** Of a link. */
  readonly target: string;
}

/** What stands before an entry, about it. */
interface Extended {
  path?: string;
  linkpath?: string;
  size?: string;
}

async function* entriesOf(archive: FileHandle, sizeBytes: number, signal: AbortSignal): AsyncGenerator<Entry> {
  let extended: Extended = {};
  let extendedBytes = 0;
  let count = 0;
  for (let at = 0; ;) {
    signal.throwIfAborted();
    const block = await readAt(archive, at, BLOCK, sizeBytes);
    // Writers end with two empty blocks; some with the file's end.
    if (block === null || block.every((byte) => byte === 0)) break;
    count += 1;
    if (count > IMAGE_LIMITS.archiveEntriesMax)
      throw new ImageError("too_big", `The archive has more than ${IMAGE_LIMITS.archiveEntriesMax} entries.`);
    requireChecksum(block);
    const kind = String.fromCharCode(block[156] ?? 0);
    const isAbout = kind === "x" || kind === "L" || kind === "K";
    const size = Number((isAbout ? undefined : extended.size) ?? sizeOf(block));
    const content = at + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || content + size > sizeBytes) throw broken("an entry is longer than the archive");
    if (isAbout) {
      extendedBytes += size;
      if (extendedBytes > IMAGE_LIMITS.archiveHeaderBytesMax)
        throw new ImageError("too_big", `The archive's extended headers have more than ${IMAGE_LIMITS.archiveHeaderBytesMax} bytes.`);
      await readExtended(archive, kind, { at: content, sizeBytes: size }, sizeBytes, extended);
    } else if (kind !== "g") {
      const name = extended.path ?? nameOf(block);
      yield { kind, name, target: extended.linkpath ?? text(block, 157, 100), at: content, sizeBytes: size };
      extended = {};
    }
    at = content + Math.ceil(size / BLOCK) * BLOCK;
  }
  if (count === 0) throw broken("it is no tar, or an empty one");
}

/** Headers of pax, and GNU's longer names. */
async function readExtended(
  archive: FileHandle,
  kind: "x" | "L" | "K",
  { at, sizeBytes }: ArchiveFile,
  archiveBytes: number,
  into: Extended,
): Promise<void> {
  if (sizeBytes > EXTENDED_BYTES_MAX) throw broken("a header is too long");
  const content = (await readAt(archive, at, sizeBytes, archiveBytes)) ?? Buffer.alloc(0);
  if (kind === "L") into.path = text(content, 0, content.length);
  else if (kind === "K") into.linkpath = text(content, 0, content.length);
  else for (const [key, value] of paxRecords(content)) if (key === "path" || key === "linkpath" || key === "size") into[key] = value;
  for (const name of [into.path, into.linkpath])
    if (name !== undefined && Buffer.byteLength(name) > NAME_BYTES_MAX) throw broken(`a name has more than ${NAME_BYTES_MAX} bytes`);
}

/** The file behind a name, through links within the archive. */
export function findFile({ files, links }: ArchiveIndex, name: string): ArchiveFile | undefined {
  let wanted = normal(name);
  for (let steps = 0; steps < 8; steps += 1) {
    const found = files.get(wanted);
    if (found !== undefined) return found;
    const linked = links.get(wanted);
    if (linked === undefined) return undefined;
    wanted = linked;
  }
  return undefined;
}

/** Names only ever find entries of the archive: `..` beyond its top stays at its top. */
function normal(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function requireChecksum(block: Buffer): void {
  let sum = 0;
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  if (Number.parseInt(text(block, 148, 8), 8) !== sum) throw broken("there is no header where one must be");
}

function sizeOf(block: Buffer): number {
  // The first bit says that the number is binary, for sizes of 8 GiB and more.
  if (((block[124] ?? 0) & 0x80) !== 0) return Number(block.readBigUInt64BE(128));
  return Number.parseInt(text(block, 124, 12).trim() || "0", 8);
}

function nameOf(block: Buffer): string {
  const prefix = text(block, 257, 6) === "ustar" ? text(block, 345, 155) : "";
  return prefix === "" ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`;
}

/** `length key=value\n`, again and again. */
function* paxRecords(content: Buffer): Generator<readonly [string, string]> {
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(content.toString("latin1", at, space));
    if (!Number.isSafeInteger(length) || length < 5 || at + length > content.length) throw broken("an extended header is malformed");
    const record = content.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    if (equals > 0) yield [record.slice(0, equals), record.slice(equals + 1)];
    at += length;
  }
}

async function readAt(archive: FileHandle, at: number, length: number, sizeBytes: number): Promise<Buffer | null> {
  if (at >= sizeBytes) return null;
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await archive.read(buffer, 0, length, at);
  if (bytesRead < length) throw broken("it is cut");
  return buffer;
}

function text(block: Buffer, at: number, length: number): string {
  return block.toString("utf8", at, at + length).split("\0", 1)[0] ?? "";
}

function broken(why: string): ImageError {
  return new ImageError("bad_image", `The archive is no image archive: ${why}.`);
}
