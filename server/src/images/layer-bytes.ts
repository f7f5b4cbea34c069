import { createHash } from "node:crypto";
import { Readable, pipeline } from "node:stream";
import type { Transform } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { ImageError } from "../core/ports/images.ts";
import { IMAGE_LIMITS } from "./limits.ts";

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const PIECE_BYTES = 256 * 1024;

export interface LayerFacts {
  /** Of the bytes as they are transferred; `null` where nobody says. */
  readonly digest: string | null;
  readonly sizeBytes: number | null;
  /** Of the uncompressed bytes. */
  readonly diffId: string;
}

/** A layer's tar stream of the bytes that are transferred: gzip, zstd or neither, told by how they begin. Throws `ImageError`. */
export async function* uncompressed(source: AsyncIterable<Uint8Array>, facts: LayerFacts, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const transferred = verified(source, facts.digest, facts.sizeBytes);
  let head = Buffer.alloc(0);
  while (head.length < ZSTD.length) {
    const piece = await transferred.next();
    if (piece.done === true) break;
    head = Buffer.concat([head, piece.value]);
  }
  const all = joined(head, transferred);
  const decoder = decoderFor(head);
  yield* verified(decoder === null ? all : decoded(all, decoder, signal), facts.diffId, null);
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
  try {
    for await (const piece of decoder) if (piece instanceof Uint8Array) yield piece;
  } catch (error) {
    if (cause instanceof Error) throw cause;
    signal.throwIfAborted();
    throw new ImageError("bad_image", "A layer is compressed wrongly, or cut.", { cause: error });
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

async function* joined(head: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  yield* rest;
}

/** Passes bytes on and throws at their end where they are not those of the digest, or before where they are more than they may be. */
async function* verified(source: AsyncIterable<Uint8Array>, digest: string | null, sizeBytes: number | null): AsyncGenerator<Uint8Array> {
  const sum = createHash("sha256");
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.length;
    if (sizeBytes !== null && bytes > sizeBytes)
      throw new ImageError("bad_image", `A layer is longer than the ${sizeBytes} bytes it is said to have.`);
    if (bytes > IMAGE_LIMITS.layerBytesMax) throw new ImageError("too_big", `A layer has more than ${IMAGE_LIMITS.layerBytesMax} bytes.`);
    if (digest !== null) sum.update(piece);
    yield piece;
  }
  if (sizeBytes !== null && bytes < sizeBytes) throw new ImageError("bad_image", `A layer has ${bytes} bytes instead of ${sizeBytes}.`);
  if (digest !== null && `sha256:${sum.digest("hex")}` !== digest)
    throw new ImageError("bad_image", `A layer is not what its digest says (${digest}).`);
}
