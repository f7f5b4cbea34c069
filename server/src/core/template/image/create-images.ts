import { CapsuledError } from "../../fail.ts";
import { HostFullError, TemplateMissingError } from "../../ports/driver.ts";
import type { CapsuleDeps } from "../../capsule/deps.ts";
import type { ImageLibrary, ImageSource, ImageWork, OpenImage, TemplateImages } from "../../ports/images.ts";
import { ImageError } from "../../ports/images.ts";
import { IMAGE_DIRECTORY, unpackLayers } from "./unpack-layers.ts";

/** The template whose tools unpack images. */
const TOOLS = "minimal";
/** What the unpacking capsule has. */
const MACHINE = { vcpus: 1, memoryMb: 512, pidsMax: 32 } as const;
/** Milliseconds until it is known what an image is. */
export const RESOLVE_MS = 120_000;

export interface ImageDeps extends Pick<CapsuleDeps, "driver" | "templates" | "connect" | "acts" | "ids" | "log"> {
  readonly library: ImageLibrary;
  /** The Python program that unpacks a layer. */
  readonly unpackProgram: string;
}

/**
 * Images as snapshots. Layers are unpacked inside a capsule that is made for it and thrown away: nothing of an image is read by the host
 * but its documents. As many at once as there are builds. The capsule has no row, so where this server dies the next one's reconciler removes it.
 */
export function createImages(deps: ImageDeps): TemplateImages {
  return {
    async resolve(source, work) {
      const image = await opened(deps, source, null, AbortSignal.any([work.signal, AbortSignal.timeout(RESOLVE_MS)]), work.signal);
      await image.close();
      work.onLine(`${image.digest}, ${image.layers.length} layers`);
      return { digest: image.digest, defaults: image.defaults };
    },
    async unpack(source, digest, snapshotId, diskMb, work) {
      const image = await opened(deps, source, digest, work.signal, work.signal);
      try {
        return await inCapsule(deps, image, snapshotId, diskMb, work);
      } finally {
        await image.close();
      }
    },
  };
}

async function opened(
  { library }: ImageDeps,
  source: ImageSource,
  digest: string | null,
  bounded: AbortSignal,
  asked: AbortSignal,
): Promise<OpenImage> {
  try {
    return await library.open(source, digest, bounded);
  } catch (error) {
    asked.throwIfAborted();
    if (bounded.aborted) throw new ImageError("timed_out", `It took more than ${RESOLVE_MS / 1000} s to learn what the image is.`);
    throw error;
  }
}

/** Launches, unpacks, takes the tree, destroys. As an act, so that the reconciler leaves a capsule without a row alone. */
async function inCapsule(
  deps: ImageDeps,
  image: OpenImage,
  snapshotId: string,
  diskMb: number,
  work: ImageWork,
): Promise<{ readonly sizeBytes: number }> {
  const { snapshots } = deps.driver;
  if (snapshots === null) throw new ImageError("tool_missing", "The driver of this host keeps no snapshots, and so no images.");
  const id = deps.ids.next("cl");
  let taken: { readonly sizeBytes: number } | null = null;
  await deps.acts.run(id, "unpack an image", async (signal) => {
    const both = AbortSignal.any([signal, work.signal]);
    try {
      await requireTools(deps);
      const agentSecret = deps.ids.hex(32);
      const spec = {
        capsuleId: id,
        template: TOOLS,
        ...MACHINE,
        diskMb,
        hostname: "image",
        egress: "none" as const,
        agentSecret,
        disk: "new" as const,
        snapshotId: null,
        sourceId: null,
        previous: "agent_lost" as const,
      };
      const handle = await deps.driver.launch(spec, both);
      const link = deps.connect(id, agentSecret, handle);
      try {
        await unpackLayers(link, deps.unpackProgram, image, deps.ids, diskMb, { ...work, signal: both });
      } finally {
        link.close();
      }
      taken = await snapshots.takeTree(handle, snapshotId, IMAGE_DIRECTORY);
    } catch (error) {
      throw told(error, both);
    } finally {
      await deps.driver.destroy(id);
    }
  });
  if (taken === null) throw new Error("an image was unpacked and not taken");
  return taken;
}

/** Only what unpacks: a build of it that is there will do. */
async function requireTools({ templates }: ImageDeps): Promise<void> {
  const found = await templates.find(TOOLS);
  if (found?.state === "ready") return;
  try {
    await templates.ensure(TOOLS);
  } catch (error) {
    throw new ImageError("tool_missing", `The template ${TOOLS}, whose tools unpack images, is not on this host and could not be built.`, {
      cause: error,
    });
  }
}

/** What callers are told; what they cannot know of goes on as it is. */
function told(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof ImageError || error instanceof HostFullError || error instanceof CapsuledError) return error;
  if (error instanceof TemplateMissingError)
    return new ImageError("tool_missing", `The template ${TOOLS} is not on this host.`, { cause: error });
  if (signal.aborted) return signal.reason;
  return error;
}
