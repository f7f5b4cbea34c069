import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { ImageLayer, OpenImage } from "../../core/ports/images.ts";
import { ImageError } from "../../core/ports/images.ts";
import { defaultsOf } from "../defaults.ts";
import { digestOf, requireDigest } from "../digest.ts";
import type { Descriptor } from "../documents.ts";
import { readConfig, readManifestOrIndex, readSavedImages } from "../documents.ts";
import { findImage, requireSameCount } from "../find-image.ts";
import type { LayerFacts } from "../layer-bytes.ts";
import { uncompressed } from "../layer-bytes.ts";
import { IMAGE_LIMITS } from "../limits.ts";
import { ofThisPlatform, requireThisPlatform } from "../platform.ts";
import type { ArchiveFile, ArchiveIndex } from "./tar-index.ts";
import { findFile, indexArchive } from "./tar-index.ts";

const READ_BYTES = 1024 * 1024;

interface Archive {
  readonly file: FileHandle;
  readonly index: ArchiveIndex;
  /** Of its opening. */
  readonly signal: AbortSignal;
}

/** Opens a tar archive as `docker save` writes it, or one of an OCI image layout. Throws `ImageError`, and the signal's reason. */
export async function openArchive(path: string, signal: AbortSignal): Promise<OpenImage> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const archive = { file, index: await indexArchive(file, size, signal), signal };
    const image = findFile(archive.index, "index.json") === undefined ? await ofSaved(archive) : await ofLayout(archive);
    return { ...image, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An OCI image layout: blobs by digest, and an index that names them. */
async function ofLayout(archive: Archive): Promise<Omit<OpenImage, "close">> {
  const blob = (digest: string): Promise<Uint8Array> => readDocument(archive, blobPath(digest), digest);
  const first = await readDocument(archive, "index.json", null);
  if ("manifest" in readManifestOrIndex(first)) throw new ImageError("bad_image", "The archive's index.json is not an index.");
  const { layers, ...image } = await findImage(first, {
    manifest: blob,
    config: blob,
    choose: (manifests) => ofThisPlatform(onlyImages(manifests)),
  });
  const files = layers.map(({ digest }) => requireFile(archive.index, blobPath(digest)));
  return { ...image, layers: layers.map((layer, n) => layerOf(archive.file, files[n], layer)) };
}

/** What Docker's own format names: its layers are tar archives, told by the digests in the configuration. */
async function ofSaved(archive: Archive): Promise<Omit<OpenImage, "close">> {
  const saved = readSavedImages(await readDocument(archive, "manifest.json", null));
  const [image, ...others] = saved;
  if (image === undefined || others.length > 0) throw severalImages(saved.map(({ RepoTags }) => RepoTags?.[0] ?? "without a name"));
  const bytes = await readDocument(archive, image.Config, null);
  const config = readConfig(bytes);
  requireThisPlatform(config);
  requireSameCount(image.Layers.length, config.rootfs.diff_ids.length);
  const facts = config.rootfs.diff_ids.map((diffId) => ({ digest: null, sizeBytes: null, diffId }));
  const files = image.Layers.map((name) => requireFile(archive.index, name));
  return { digest: digestOf(bytes), defaults: defaultsOf(config), layers: facts.map((fact, n) => layerOf(archive.file, files[n], fact)) };
}

/** Builders add attestations, which are no images, with a platform that does not exist; several names may stand for one image. */
function onlyImages(manifests: readonly Descriptor[]): readonly Descriptor[] {
  const images = manifests.filter(({ platform }) => platform?.os !== "unknown");
  const different = [...new Map(images.map((one) => [one.digest, one])).values()];
  if (different.length > 1 && different.every(({ platform }) => platform === undefined))
    throw severalImages(different.map(({ annotations, digest }) => annotations?.["org.opencontainers.image.ref.name"] ?? digest));
  return different;
}

function severalImages(names: readonly string[]): ImageError {
  return new ImageError(
    "refused",
    `The archive holds ${names.length} images; save the one that is wanted: ${names.join(", ").slice(0, 500)}.`,
  );
}

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

function requireFile(index: ArchiveIndex, name: string): ArchiveFile {
  const found = findFile(index, name);
  if (found === undefined) throw new ImageError("bad_image", `The archive has no ${JSON.stringify(name.slice(0, 200))}.`);
  return found;
}

async function readDocument({ file, index, signal }: Archive, name: string, digest: string | null): Promise<Uint8Array> {
  signal.throwIfAborted();
  const { at, sizeBytes } = requireFile(index, name);
  if (sizeBytes > IMAGE_LIMITS.documentBytesMax)
    throw new ImageError("too_big", `${JSON.stringify(name.slice(0, 200))} is longer than ${IMAGE_LIMITS.documentBytesMax} bytes.`);
  const bytes = Buffer.alloc(sizeBytes);
  const { bytesRead } = await file.read(bytes, 0, sizeBytes, at);
  if (bytesRead < sizeBytes) throw new ImageError("bad_image", "The archive is cut.");
  if (digest !== null) requireDigest(bytes, digest, "A document of the archive");
  return bytes;
}

function layerOf(file: FileHandle, place: ArchiveFile | undefined, facts: LayerFacts): ImageLayer {
  const { at, sizeBytes } = place ?? { at: 0, sizeBytes: 0 };
  return { sizeBytes, read: (signal) => uncompressed(pieces(file, at, sizeBytes), facts, signal) };
}

async function* pieces(file: FileHandle, at: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < sizeBytes;) {
    const buffer = Buffer.alloc(Math.min(READ_BYTES, sizeBytes - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at + done);
    if (bytesRead === 0) throw new ImageError("bad_image", "The archive is cut.");
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
