import { createHash } from "node:crypto";
import { ImageError } from "../core/ports/images.ts";
import { decompressed } from "./decompressed.ts";
import { IMAGE_LIMITS } from "./limits.ts";

export interface LayerFacts {
  /** Of the bytes as they are transferred; `null` where nobody says. */
  readonly digest: string | null;
  readonly sizeBytes: number | null;
  /** Of the uncompressed bytes. */
  readonly diffId: string;
}

/** A layer's tar stream of the bytes that are transferred: gzip, zstd or neither. Throws `ImageError`. */
export function uncompressed(source: AsyncIterable<Uint8Array>, facts: LayerFacts, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  return verified(decompressed(verified(source, facts.digest, facts.sizeBytes), signal), facts.diffId, null);
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
