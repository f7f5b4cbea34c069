import { readFile } from "node:fs/promises";
import { LIMITS } from "@capsuled/contract";
import type { Config } from "./config/schema.ts";
import type { CapsuleDeps } from "./core/capsule/deps.ts";
import type { ImageUploads } from "./core/ports/image-uploads.ts";
import type { TemplateImages } from "./core/ports/images.ts";
import type { ArchiveService } from "./core/template/image/archives.ts";
import { createArchiveService, removeUnusedArchives } from "./core/template/image/archives.ts";
import { createImages } from "./core/template/image/create-images.ts";
import { createImageLibrary } from "./images/library.ts";
import { createImageUploads } from "./images/uploads.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import type { Loops } from "./loops/loops.ts";
import { createGuardedGet } from "./outbound/guarded-get.ts";
import { resolveByQuestions, resolveBySystem } from "./outbound/resolve.ts";

/** Milliseconds between two looks for archives that nobody uses. */
const TEND_MS = 60_000;
const UNPACK_PROGRAM = new URL("./images/unpack.py", import.meta.url);

export interface ImageParts {
  readonly images: TemplateImages;
  readonly uploads: ImageUploads;
  readonly archives: ArchiveService;
}

/** Images, put together: where they are had from, how they are unpacked, and what teams uploaded. */
export async function createImageParts(
  deps: CapsuleDeps,
  { dataDir, diskFloorMb, imagePrivate }: Config,
  shutdown: Shutdown,
  loops: Loops,
): Promise<ImageParts> {
  const get = createGuardedGet({ allowPrivate: imagePrivate, resolve: imagePrivate ? resolveBySystem : resolveByQuestions });
  const library = createImageLibrary(get);
  const uploads = createImageUploads({
    dataDir,
    bytesMax: LIMITS.imageArchiveBytesMax,
    archivesMax: LIMITS.imageArchivesMax,
    diskFloorMb,
    now: deps.clock.now,
  });
  const archiveDeps = { uploads, library, clock: deps.clock };
  await removeUnusedArchives(archiveDeps);
  const tick = (): Promise<number> => removeUnusedArchives(archiveDeps);
  const loop = loops.start({ name: "remove unused archives", everyMs: TEND_MS, tick });
  shutdown.defer("loop", () => loop.close());
  return {
    images: createImages({ ...deps, library, unpackProgram: await readFile(UNPACK_PROGRAM, "utf8") }),
    uploads,
    archives: createArchiveService(archiveDeps),
  };
}
