import { hash } from "node:crypto";
import { arch } from "node:os";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { tarOf } from "./tar.ts";

export const sha256 = (bytes: Uint8Array): string => `sha256:${hash("sha256", bytes, "hex")}`;
/** This host's platform as images name it. */
export const ARCHITECTURE = arch() === "x64" ? "amd64" : arch();

export interface ImageParts {
  /** Uncompressed tar archives, lowest first. */
  readonly layers: readonly Buffer[];
  /** How each is compressed; all the same way. */
  readonly compression?: "none" | "gzip" | "zstd";
  /** The `config` of its configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

/** An image as registries have it: its documents and layers by digest. */
export interface TestImage {
  readonly digest: string;
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly layers: readonly Buffer[];
  readonly config: Buffer;
}

export const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export function imageOf({ layers, compression = "gzip", config = {}, architecture = ARCHITECTURE }: ImageParts): TestImage {
  const pack = { none: (bytes: Buffer) => bytes, gzip: gzipSync, zstd: zstdCompressSync }[compression];
  const packed = layers.map((layer) => pack(layer));
  const configuration = json({ architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: layers.map(sha256) } });
  const suffix = { none: "", gzip: "+gzip", zstd: "+zstd" }[compression];
  const describe = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha256(bytes), size: bytes.length });
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: describe("application/vnd.oci.image.config.v1+json", configuration),
    layers: packed.map((layer) => describe(`application/vnd.oci.image.layer.v1.tar${suffix}`, layer)),
  });
  const blobs = new Map([configuration, manifest, ...packed].map((bytes) => [sha256(bytes), bytes]));
  return { digest: sha256(manifest), blobs, layers, config: configuration };
}

/** An index over images of several platforms. */
export function indexOf(images: readonly { readonly image: TestImage; readonly architecture: string }[]): Buffer {
  const manifests = images.map(({ image, architecture }) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: image.digest,
    size: image.blobs.get(image.digest)?.length,
    platform: { os: "linux", architecture },
  }));
  return json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests });
}

/** The same image behind so many indexes, each of which leads to the next. */
export function chainOf(image: TestImage, indexes: number): TestImage {
  const blobs = new Map(image.blobs);
  let { digest } = image;
  for (let n = 0; n < indexes; n += 1) {
    const size = blobs.get(digest)?.length;
    const platform = { os: "linux", architecture: ARCHITECTURE };
    const index = json({
      schemaVersion: 2,
      manifests: [{ mediaType: "application/vnd.oci.image.index.v1+json", digest, size, platform }],
    });
    digest = sha256(index);
    blobs.set(digest, index);
  }
  return { ...image, digest, blobs };
}

/** A tar archive of an OCI image layout. */
export function layoutArchive({ digest, blobs }: TestImage): Buffer {
  const index = json({ schemaVersion: 2, manifests: [{ mediaType: "m", digest, size: blobs.get(digest)?.length }] });
  return tarOf([
    { name: "oci-layout", content: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", content: index },
    ...[...blobs].map(([name, content]) => ({ name: `blobs/${name.replace(":", "/")}`, content })),
  ]);
}

/** An archive as `docker save` writes it, with a layer that is there twice as a link. */
export function savedArchive({ layers, config }: TestImage, tag = "test:latest"): Buffer {
  const names = layers.map((layer) => `${sha256(layer).slice(7)}/layer.tar`);
  const unique = [...new Map(layers.map((layer, n) => [names[n] ?? "", layer])).entries()];
  return tarOf([
    ...unique.map(([name, content]) => ({ name, content })),
    { name: "again/layer.tar", type: "2", link: `../${names[0] ?? ""}` },
    { name: "config.json", content: config },
    { name: "manifest.json", content: json([{ Config: "config.json", RepoTags: [tag], Layers: ["again/layer.tar", ...names.slice(1)] }]) },
  ]);
}
