import { CapsuledError } from "capsuled";
import type { Member } from "./tar-format.ts";
import { BLOCK, paddingOf, readHeader, readPax } from "./tar-format.ts";

/** Bytes of a pax header; more is no name. */
const PAX_BYTES_MAX = 1024 * 1024;

/** What came is no archive, or not the whole of one. */
export class ArchiveError extends CapsuledError {
  readonly code = "archive";
}

/** A member, and its bytes, which are read before the next member is asked for. */
export interface ReadMember {
  readonly member: Member;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The members of a tar archive, one after another. Throws an `ArchiveError` where it is none, or ends before its end. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<ReadMember, void, undefined> {
  const pieces = new Pieces(source);
  let extra: ReturnType<typeof readPax> = {};
  try {
    for (;;) {
      const block = await pieces.take(BLOCK);
      if (block.every((byte) => byte === 0)) return;
      const header = readHeader(block);
      if (header === null) throw new ArchiveError("what came is no archive: a member's header is damaged");
      const size = extra?.size ?? header.size;
      if (header.flag === "x") {
        if (size > PAX_BYTES_MAX) throw new ArchiveError("the archive has a name that is too long");
        extra = readPax(await pieces.take(size));
        if (extra === null) throw new ArchiveError("what came is no archive: a name in it is damaged");
        await pieces.take(paddingOf(size));
        continue;
      }
      const type = ({ "0": "file", "2": "symlink", "5": "directory" } as const)[header.flag];
      if (type === undefined)
        throw new ArchiveError(`the archive has a member of a type that is not copied (${JSON.stringify(header.flag)})`);
      const path = extra?.path ?? header.path;
      const link = extra?.link ?? header.link;
      extra = {};
      const left = { bytes: type === "file" ? size : 0 };
      yield { member: { path, type, link, size: left.bytes, mode: header.mode, mtime: header.mtime }, content: pieces.upTo(left) };
      for await (const _ of pieces.upTo(left));
      await pieces.take(paddingOf(type === "file" ? size : 0));
    }
  } finally {
    await pieces.close();
  }
}

/** Bytes of a stream in the sizes in which they are wanted. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Buffer> {
    const found: Uint8Array[] = [];
    for await (const piece of this.upTo({ bytes: size })) found.push(piece);
    return Buffer.concat(found);
  }

  /** As they come, until none are `left`, which goes down. */
  async *upTo(left: { bytes: number }): AsyncGenerator<Uint8Array, void, undefined> {
    while (left.bytes > 0) {
      if (this.#held.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) throw new ArchiveError("the archive ended before its end");
        this.#held = next.value;
        continue;
      }
      const piece = this.#held.subarray(0, left.bytes);
      this.#held = this.#held.subarray(piece.length);
      left.bytes -= piece.length;
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
