import type { ImageLibrary } from "../core/ports/images.ts";
import { ImageError } from "../core/ports/images.ts";
import { openArchive } from "./archive/open-archive.ts";
import type { HttpGet } from "./registry/http-get.ts";
import { openReference } from "./registry/open-reference.ts";

/** Images of registries and of archives on this machine's disk. */
export function createImageLibrary(get: HttpGet): ImageLibrary {
  return {
    async open(source, digest, signal) {
      if ("reference" in source) return openReference(get, source.reference, source.credentials, digest, signal);
      const image = await openArchive(source.archivePath, signal);
      if (digest === null || image.digest === digest) return image;
      await image.close();
      throw new ImageError("bad_image", "The archive is not the one that it was.");
    },
  };
}
