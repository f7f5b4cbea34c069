import { Readable, pipeline } from "node:stream";
import type { Transform } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { ImageError } from "../core/ports/images.ts";
import { IMAGE_LIMITS } from "./limits.ts";

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const PIECE_BYTES = 256 * 1024;

/** The bytes behind gzip, zstd or neither, told by how they begin. Throws `ImageError` for what is compressed wrongly. */
export async function* decompressed(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  try {
    while (head.length < ZSTD.length) {
      const piece = await pieces.next();
      if (piece.done === true) break;
      head = Buffer.concat([head, piece.value]);
    }
    const all = joined(head, pieces);
    const decoder = decoderFor(head);
    yield* decoder === null ? all : decoded(all, decoder, signal);
  } finally {
    await pieces.return?.();
  }
}

function decoderFor(head: Buffer): Transform | null {
  if (head.subarray(0, GZIP.length).equals(GZIP)) return createGunzip({ chunkSize: PIECE_BYTES });
  if (!head.subarray(0, ZSTD.length).equals(ZSTD)) return null;
  return createZstdDecompress({ chunkSize: PIECE_BYTES, params: { [constants.ZSTD_d_windowLogMax]: IMAGE_LIMITS.zstdWindowLogMax } });
}

async function* decoded(source: AsyncIterable<Uint8Array>, decoder: Transform, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let cause: unknown = null;
  const input = Readable.from(remembering(source, (error) => (cause = error)));
  // What goes wrong anywhere comes out of the decoder.
  pipeline(input, decoder, () => undefined);
  const onAbort = (): void => void decoder.destroy(new Error("The work was broken off."));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    for await (const piece of decoder) if (piece instanceof Uint8Array) yield piece;
  } catch (error) {
    if (cause instanceof Error) throw cause;
    signal.throwIfAborted();
    throw new ImageError("bad_image", "It is compressed wrongly, or cut.", { cause: error });
  } finally {
    signal.removeEventListener("abort", onAbort);
    input.destroy();
    decoder.destroy();
  }
}

async function* remembering(source: AsyncIterable<Uint8Array>, onError: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    onError(error);
    throw error;
  }
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const piece = await rest.next();
    if (piece.done === true) return;
    yield piece.value;
  }
}
