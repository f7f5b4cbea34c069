import { arch } from "node:os";
import { ImageError } from "../core/ports/images.ts";
import type { Descriptor, ImageConfig } from "./documents.ts";

/** The platform of this host, as images name it. */
export const ARCHITECTURE = arch() === "x64" ? "amd64" : arch();

/** The manifest for this host's platform in a list of them. Throws `not_found` where there is none. */
export function ofThisPlatform(manifests: readonly Descriptor[]): Descriptor {
  const found = manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === ARCHITECTURE);
  // Without platforms there is nothing to choose by: an index of a single manifest.
  const only = manifests.length === 1 && manifests[0]?.platform === undefined ? manifests[0] : undefined;
  const chosen = found ?? only;
  if (chosen !== undefined) return chosen;
  const has = [
    ...new Set(manifests.map(({ platform }) => (platform === undefined ? "unknown" : `${platform.os}/${platform.architecture}`))),
  ];
  throw new ImageError("not_found", `There is no image for linux/${ARCHITECTURE}; there is ${has.slice(0, 20).join(", ").slice(0, 500)}.`);
}

/** Throws `refused` for an image of another platform, whose programs would not run. */
export function requireThisPlatform({ os, architecture }: ImageConfig): void {
  if ((os ?? "linux") === "linux" && (architecture ?? ARCHITECTURE) === ARCHITECTURE) return;
  throw new ImageError(
    "refused",
    `The image is for ${`${os ?? "linux"}/${architecture ?? ""}`.slice(0, 100)}, this host is linux/${ARCHITECTURE}.`,
  );
}
