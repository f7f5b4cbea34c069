import type { ImageDefaults } from "../core/ports/images.ts";
import { ImageError } from "../core/ports/images.ts";
import { defaultsOf } from "./defaults.ts";
import { digestOf } from "./digest.ts";
import type { Descriptor } from "./documents.ts";
import { readConfig, readManifestOrIndex } from "./documents.ts";
import { requireThisPlatform } from "./platform.ts";

/** Indexes on the way to a manifest, before they are taken for a circle. */
const INDEXES_MAX = 4;

/** Where an image's documents are read from; each is what its digest says. */
export interface Documents {
  /** A manifest, or an index. */
  manifest(digest: string): Promise<Uint8Array>;
  config(digest: string): Promise<Uint8Array>;
  /** The one that is wanted of those that an index names. */
  choose(manifests: readonly Descriptor[]): Descriptor;
}

export interface FoundLayer {
  readonly digest: string;
  readonly sizeBytes: number;
  /** Of its uncompressed bytes. */
  readonly diffId: string;
}

export interface FoundImage {
  /** Of its manifest. */
  readonly digest: string;
  readonly defaults: ImageDefaults;
  /** Lowest first. */
  readonly layers: readonly FoundLayer[];
}

/** Goes from an index or a manifest on to the image's configuration. Throws `ImageError`. */
export async function findImage(first: Uint8Array, documents: Documents): Promise<FoundImage> {
  let bytes = first;
  for (let indexes = 0; indexes <= INDEXES_MAX; indexes += 1) {
    const read = readManifestOrIndex(bytes);
    if ("index" in read) {
      // Beyond the bound nothing more is asked for.
      if (indexes < INDEXES_MAX) bytes = await documents.manifest(documents.choose(read.index).digest);
      continue;
    }
    const { config: wanted, layers } = read.manifest;
    const config = readConfig(await documents.config(wanted.digest));
    requireThisPlatform(config);
    const { diff_ids: diffIds } = config.rootfs;
    requireSameCount(layers.length, diffIds.length);
    return {
      digest: digestOf(bytes),
      defaults: defaultsOf(config),
      layers: layers.map(({ digest, size }, n) => ({ digest, sizeBytes: size, diffId: diffIds[n] ?? "" })),
    };
  }
  throw new ImageError("bad_image", "The image's indexes lead from one to another without an end.");
}

/** Throws `bad_image` where a manifest and a configuration tell of different layers. */
export function requireSameCount(layers: number, diffIds: number): void {
  if (layers !== diffIds) throw new ImageError("bad_image", `The image has ${layers} layers, and its configuration names ${diffIds}.`);
}
