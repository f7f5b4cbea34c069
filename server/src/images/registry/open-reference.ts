import type { ImageLayer, OpenImage } from "../../core/ports/images.ts";
import { DIGEST, requireDigest } from "../digest.ts";
import type { FoundLayer } from "../find-image.ts";
import { findImage } from "../find-image.ts";
import { uncompressed } from "../layer-bytes.ts";
import { IMAGE_LIMITS } from "../limits.ts";
import { ofThisPlatform } from "../platform.ts";
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
  const document = async (path: string, accept: string | null): Promise<Uint8Array> =>
    readBounded(await session.get(path, accept), IMAGE_LIMITS.documentBytesMax, signal);
  const manifest = async (version: string): Promise<Uint8Array> => {
    const bytes = await document(`manifests/${version}`, MANIFESTS);
    if (DIGEST.test(version)) requireDigest(bytes, version, "The image's manifest");
    return bytes;
  };
  const config = async (wanted: string): Promise<Uint8Array> => {
    const bytes = await document(`blobs/${wanted}`, null);
    requireDigest(bytes, wanted, "The image's configuration");
    return bytes;
  };
  const first = await manifest(digest ?? reference.version);
  const { layers, ...image } = await findImage(first, { manifest, config, choose: ofThisPlatform });
  return { ...image, layers: layers.map((layer) => layerOf(session, layer)), close: async () => {} };
}

function layerOf(session: RegistrySession, facts: FoundLayer): ImageLayer {
  const { digest, sizeBytes } = facts;
  return { sizeBytes, read: (signal) => uncompressed(blob(session, digest, signal), facts, signal) };
}

async function* blob(session: RegistrySession, digest: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* unstalled(await session.get(`blobs/${digest}`, null), signal);
}
