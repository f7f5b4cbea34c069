import type { ImageLayer, OpenImage } from "../../core/ports/images.ts";
import { ImageError } from "../../core/ports/images.ts";
import { defaultsOf } from "../defaults.ts";
import { DIGEST, digestOf, requireDigest } from "../digest.ts";
import type { Descriptor } from "../documents.ts";
import { readConfig, readManifestOrIndex } from "../documents.ts";
import { uncompressed } from "../layer-bytes.ts";
import { IMAGE_LIMITS } from "../limits.ts";
import { ofThisPlatform, requireThisPlatform } from "../platform.ts";
import type { HttpGet } from "./http-get.ts";
import { readBounded, unstalled } from "./read-bounded.ts";
import { readReference } from "./reference.ts";
import type { Credentials } from "./session.ts";
import { RegistrySession } from "./session.ts";

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
/** Indexes that lead to an index, before that is taken for a circle. */
const DEPTH_MAX = 4;

/** Opens an image of a registry. `digest`, where given, is what is pulled, whatever its tag stands for by now. Throws `ImageError`. */
export async function openReference(
  get: HttpGet,
  text: string,
  credentials: Credentials | null,
  digest: string | null,
  signal: AbortSignal,
): Promise<OpenImage> {
  const reference = readReference(text);
  const session = new RegistrySession({ get, reference, credentials, signal });
  let version = digest ?? reference.version;
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    const bytes = await readBounded(await session.get(`manifests/${version}`, MANIFESTS), IMAGE_LIMITS.documentBytesMax, signal);
    if (DIGEST.test(version)) requireDigest(bytes, version, "The image's manifest");
    const read = readManifestOrIndex(bytes);
    if ("index" in read) {
      version = ofThisPlatform(read.index).digest;
      continue;
    }
    const { config: wanted, layers } = read.manifest;
    const configBytes = await readBounded(await session.get(`blobs/${wanted.digest}`, null), IMAGE_LIMITS.documentBytesMax, signal);
    requireDigest(configBytes, wanted.digest, "The image's configuration");
    const config = readConfig(configBytes);
    requireThisPlatform(config);
    if (layers.length !== config.rootfs.diff_ids.length)
      throw new ImageError(
        "bad_image",
        `The image has ${layers.length} layers, and its configuration names ${config.rootfs.diff_ids.length}.`,
      );
    return {
      digest: digestOf(bytes),
      defaults: defaultsOf(config),
      layers: layers.map((layer, n) => layerOf(session, layer, config.rootfs.diff_ids[n] ?? "")),
      close: async () => {},
    };
  }
  throw new ImageError("bad_image", "The image's indexes lead from one to another without an end.");
}

function layerOf(session: RegistrySession, { digest, size }: Descriptor, diffId: string): ImageLayer {
  return { sizeBytes: size, read: (signal) => uncompressed(blob(session, digest, signal), { digest, sizeBytes: size, diffId }, signal) };
}

async function* blob(session: RegistrySession, digest: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* unstalled(await session.get(`blobs/${digest}`, null), signal);
}
