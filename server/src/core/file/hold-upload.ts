import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import type { FileDeps } from "./deps.ts";
import { readFile } from "./read-file.ts";
import { workIn } from "./work.ts";
import type { ByteSource } from "./write-file.ts";
import { writeFile } from "./write-file.ts";

/** Bytes of a file that are held in memory while nobody knows yet where it goes; what is longer waits on the capsule's own disk. */
export const HELD_BYTES_MAX = 1024 * 1024;

/** A file that has come before its path. */
export interface HeldUpload {
  /** Its bytes, once. */
  bytes(): ByteSource;
  /** Forgets it; nothing of it is left. */
  release(): Promise<void>;
}

/**
 * Takes all of a file whose path comes behind it. A long one goes to a temporary file of the capsule and is copied from there, so that it
 * is the capsule's disk that bounds it, and an existing file at the path keeps what it would keep.
 */
export async function holdUpload(deps: FileDeps, principal: Principal, capsuleId: string, source: ByteSource): Promise<HeldUpload> {
  const held: Uint8Array[] = [];
  let size = 0;
  const iterator = source[Symbol.asyncIterator]();
  while (size <= HELD_BYTES_MAX) {
    const next = await iterator.next();
    if (next.done === true) return { bytes: () => each(held), release: async () => undefined };
    held.push(next.value);
    size += next.value.length;
  }
  const path = `/tmp/.capsuled-${deps.ids.hex(8)}`;
  const staged = await writeFile(deps, principal, capsuleId, { path }, { mode: 0o600, exclusive: true }, rest(held, iterator));
  return {
    async *bytes() {
      const content = await readFile(deps, principal, capsuleId, { path }, null);
      try {
        for (let bytes = await content.next(); bytes !== null; bytes = await content.next()) yield bytes;
        if (content.sha256() !== staged.sha256) throw fail("conflict", "The capsule has changed the file while it was on its way.");
      } finally {
        content.close();
      }
    },
    async release() {
      await workIn(deps, principal, capsuleId, ({ link }) => link.files.remove({ path }, false)).catch(() => undefined);
    },
  };
}

async function* each(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function* rest(held: Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let bytes = held.shift(); bytes !== undefined; bytes = held.shift()) yield bytes;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}
