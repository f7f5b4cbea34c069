import type { OpenImage } from "../../core/ports/images.ts";

/** An image's layers, each read to its end, in order. */
export async function readLayers(image: OpenImage): Promise<readonly Buffer[]> {
  const { signal } = new AbortController();
  const read: Buffer[] = [];
  for (const layer of image.layers) {
    const pieces: Uint8Array[] = [];
    for await (const piece of layer.read(signal)) pieces.push(piece);
    read.push(Buffer.concat(pieces));
  }
  return read;
}
