import { hash } from "node:crypto";
import { ImageError } from "../core/ports/images.ts";

/** The only algorithm that every registry has. */
export const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const digestOf = (bytes: Uint8Array): string => `sha256:${hash("sha256", bytes, "hex")}`;

/** Throws `bad_image` where the bytes are not those of the digest. */
export function requireDigest(bytes: Uint8Array, digest: string, what: string): void {
  if (digestOf(bytes) !== digest) throw new ImageError("bad_image", `${what} is not what its digest says (${digest}).`);
}
