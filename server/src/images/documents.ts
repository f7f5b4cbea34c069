import { z } from "zod";
import { ImageError } from "../core/ports/images.ts";
import { DIGEST } from "./digest.ts";
import { IMAGE_LIMITS } from "./limits.ts";

const digest = z.string().regex(DIGEST, { error: "is not a sha256 digest" });

export const descriptor = z.object({
  mediaType: z.string().default(""),
  digest,
  size: z.int().min(0).max(IMAGE_LIMITS.layerBytesMax),
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
export type Descriptor = z.output<typeof descriptor>;

/** An OCI index, or Docker's list of manifests. */
const index = z.object({ manifests: z.array(descriptor).min(1).max(1000) });
/** A manifest of one image, of OCI or of Docker. */
const manifest = z.object({ config: descriptor, layers: z.array(descriptor).max(IMAGE_LIMITS.layersMax) });
export type Manifest = z.output<typeof manifest>;

const names = z.array(z.string()).nullish();
const config = z.object({
  architecture: z.string().optional(),
  os: z.string().optional(),
  config: z.object({ Env: names, User: z.string().nullish(), WorkingDir: z.string().nullish(), Entrypoint: names, Cmd: names }).nullish(),
  rootfs: z.object({ diff_ids: z.array(digest).max(IMAGE_LIMITS.layersMax) }),
});
export type ImageConfig = z.output<typeof config>;

/** What `docker save` writes into `manifest.json`. */
const savedImages = z
  .array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()).max(IMAGE_LIMITS.layersMax) }))
  .min(1)
  .max(1000);

/** Either what lists manifests, or a manifest. Throws `bad_image`. */
export function readManifestOrIndex(bytes: Uint8Array): { readonly index: readonly Descriptor[] } | { readonly manifest: Manifest } {
  const value = parseJson(bytes, "manifest");
  if (typeof value === "object" && value !== null && "manifests" in value)
    return { index: checked(index, value, "list of manifests").manifests };
  if (typeof value === "object" && value !== null && "schemaVersion" in value && value.schemaVersion === 1)
    throw new ImageError("refused", "The image has a manifest of Docker's first schema, which is no longer in use; push it anew.");
  return { manifest: checked(manifest, value, "manifest") };
}

export const readConfig = (bytes: Uint8Array): ImageConfig => checked(config, parseJson(bytes, "configuration"), "configuration");
export const readSavedImages = (bytes: Uint8Array): z.output<typeof savedImages> =>
  checked(savedImages, parseJson(bytes, "manifest.json"), "manifest.json");

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new ImageError("bad_image", `The image's ${what} is not JSON.`);
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue === undefined ? "" : `: ${issue.path.join(".").slice(0, 100)} ${issue.message.slice(0, 200)}`;
  throw new ImageError("bad_image", `The image's ${what} is not what it should be${at}.`);
}
