import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, rename, rm, stat, statfs, utimes } from "node:fs/promises";
import { join } from "node:path";
import { HostFullError } from "../core/ports/driver.ts";
import type { ImageUploads, KeptArchive } from "../core/ports/image-uploads.ts";
import { ImageError } from "../core/ports/images.ts";
import { isMissing, namesIn } from "../lib/node/missing.ts";
import { decompressed } from "./decompressed.ts";
import { codeOf } from "../lib/error-code.ts";

const TEAM = /^team-[0-9a-z]{25}$/;
const ID = /^im-[0-9a-z]{25}$/;
const UNFINISHED = ".new";
const MIB = 1024 * 1024;
/** Bytes between two looks at what is free. */
const LOOK_BYTES = 64 * MIB;

export interface UploadOptions {
  readonly dataDir: string;
  /** Bytes of an archive, as it comes and as it is without its compression. */
  readonly bytesMax: number;
  /** Archives that a team may have, with those that are being written. */
  readonly archivesMax: number;
  /** MiB of the disk that must stay free. */
  readonly diskFloorMb: number;
  readonly now: () => number;
}

/** Files under `<dataDir>/images/<team>`, readable by their owner only; a file has its name once it is whole. */
export function createImageUploads(options: UploadOptions): ImageUploads {
  const directory = join(options.dataDir, "images");
  const teamDirectory = (teamId: string): string => {
    if (!TEAM.test(teamId)) throw new Error(`${JSON.stringify(teamId)} is no team's id`);
    return join(directory, teamId);
  };
  /** Unfinished ones that this server is writing. */
  const writing = new Set<string>();
  /** Places that uploads under way hold, by team. */
  const held = new Map<string, number>();
  let next = 0;

  /** With a place of the team's, or without one. One that ends meanwhile may be counted twice, and never not at all. */
  async function inPlace<T>(teamId: string, work: (hasPlace: boolean) => Promise<T>): Promise<T> {
    const before = held.get(teamId) ?? 0;
    held.set(teamId, before + 1);
    const leave = (): void => {
      const others = (held.get(teamId) ?? 1) - 1;
      if (others === 0) held.delete(teamId);
      else held.set(teamId, others);
    };
    let isHeld = true;
    try {
      const hasPlace = before + (await namesIn(teamDirectory(teamId))).filter((name) => ID.test(name)).length < options.archivesMax;
      if (!hasPlace) leave();
      isHeld = hasPlace;
      return await work(hasPlace);
    } finally {
      if (isHeld) leave();
    }
  }

  async function save(teamId: string, source: AsyncIterable<Uint8Array>): Promise<KeptArchive> {
    const own = teamDirectory(teamId);
    await mkdir(own, { recursive: true, mode: 0o700 });
    const unfinished = join(own, `${(next += 1)}-${process.pid}${UNFINISHED}`);
    writing.add(unfinished);
    try {
      const id = await write(options, unfinished, source);
      await rename(unfinished, join(own, id));
      return await kept(join(own, id), id);
    } finally {
      writing.delete(unfinished);
      await rm(unfinished, { force: true });
    }
  }

  async function find(teamId: string, id: string): Promise<KeptArchive | undefined> {
    if (!ID.test(id)) return undefined;
    const path = join(teamDirectory(teamId), id);
    const now = options.now() / 1000;
    try {
      await utimes(path, now, now);
      return await kept(path, id);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  return {
    save: (teamId, source) =>
      inPlace(teamId, async (hasPlace) =>
        hasPlace ? save(teamId, source) : ((await find(teamId, await digested(options, source, async () => {}))) ?? null),
      ),
    find,
    async remove(teamId, id) {
      if (!ID.test(id)) return false;
      try {
        await rm(join(teamDirectory(teamId), id));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },
    async removeUnused(before) {
      let removed = 0;
      for (const team of (await namesIn(directory)).filter((name) => TEAM.test(name))) {
        for (const name of await namesIn(join(directory, team))) {
          const path = join(directory, team, name);
          if (writing.has(path) || (!name.endsWith(UNFINISHED) && (await usedSince(path, before)))) continue;
          await rm(path, { force: true });
          removed += 1;
        }
      }
      return removed;
    },
  };
}

/** Resolves with the id that follows from what was written. */
async function write(options: UploadOptions, path: string, source: AsyncIterable<Uint8Array>): Promise<string> {
  const file = await open(path, "wx", 0o600);
  let look = 0;
  try {
    return await digested(options, source, async (piece, at) => {
      if (at >= look) {
        await requireDisk(options);
        look = at + LOOK_BYTES;
      }
      await writeAll(file, piece);
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOSPC" || code === "EDQUOT") throw new HostFullError("disk", "The host's disk is full.");
    throw error;
  } finally {
    await file.close();
  }
}

/** The id that follows from an archive's content, its compression undone; `onPiece` has each piece and where it begins. */
async function digested(
  options: UploadOptions,
  source: AsyncIterable<Uint8Array>,
  onPiece: (piece: Uint8Array, at: number) => Promise<void>,
): Promise<string> {
  const sum = createHash("sha256");
  let bytes = 0;
  for await (const piece of decompressed(bounded(source, options.bytesMax), new AbortController().signal)) {
    if (bytes + piece.length > options.bytesMax) throw tooBig(options);
    await onPiece(piece, bytes);
    sum.update(piece);
    bytes += piece.length;
  }
  const number = BigInt(`0x${sum.digest("hex").slice(0, 32)}`);
  return `im-${number.toString(36).padStart(25, "0")}`;
}

async function* bounded(source: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new ImageError("too_big", `An archive has at most ${bytesMax} bytes.`);
    yield piece;
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) at += (await file.write(piece, at)).bytesWritten;
}

const tooBig = ({ bytesMax }: UploadOptions): ImageError =>
  new ImageError("too_big", `An archive has at most ${bytesMax} bytes, its compression undone.`);

async function requireDisk({ dataDir, diskFloorMb }: UploadOptions): Promise<void> {
  const { bavail, bsize } = await statfs(dataDir);
  const freeMb = Math.floor((bavail * bsize) / MIB);
  if (freeMb < diskFloorMb) throw new HostFullError("disk", `${freeMb} MiB of disk are free, and ${diskFloorMb} must stay free.`);
}

/** One that is gone by now needs no removal. */
async function usedSince(path: string, time: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= time;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}

async function kept(path: string, id: string): Promise<KeptArchive> {
  const { size, mtimeMs } = await stat(path);
  return { id, path, sizeBytes: size, usedAt: Math.floor(mtimeMs) };
}
