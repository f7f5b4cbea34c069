import type { imageFrom } from "@capsuled/contract";
import { LIMITS, templateSettings } from "@capsuled/contract";
import type { z } from "zod";
import type { ImageDefaults, ImageSource, ImageWork, TemplateImages } from "../ports/images.ts";
import { LockQueueFullError } from "../../lib/keyed-lock.ts";
import { unlessAborted } from "../capsule/wait.ts";
import { discardLater } from "../template/discard.ts";
import type { TemplateRecord } from "../template/record.ts";
import type { TemplateSettings } from "../template/settings.ts";
import type { Base, OpenBase } from "./base.ts";
import { BuildError } from "./build-error.ts";
import type { BuildContext } from "./context.ts";
import type { BuildDeps } from "./deps.ts";

export type ImageFrom = z.output<typeof imageFrom>;

/** An image as a base: what it stands for now, and its unpacking as soon as somebody needs it. Throws `BuildError` and `ImageError`. */
export async function imageBase(ctx: BuildContext, from: ImageFrom): Promise<Base> {
  const { deps, record, log, signal } = ctx;
  const images = imagesOf(deps);
  const source = await sourceOf(deps, record.teamId, from);
  const work: ImageWork = { signal, onLine: (line) => log.line(0, line) };
  const { digest, defaults } = await images.resolve(source, work);
  const key = deps.hash.sha256Hex(`image ${digest}`);
  return {
    template: { snapshotId: null, vcpus: null, memoryMb: null, diskMb: null, settings: null },
    settings: settingsOf(defaults, from.use_entrypoint),
    key,
    open: () => openImage(ctx, key, (id, diskMb) => images.unpack(source, digest, id, diskMb, work)),
  };
}

/** The builds' way to images. Throws `BuildError` where the server has none. */
function imagesOf({ images }: BuildDeps): TemplateImages {
  if (images === null) throw new BuildError("base_failed", "This server makes no templates of images.");
  return images;
}

async function sourceOf({ imageUploads }: BuildDeps, teamId: string, from: ImageFrom): Promise<ImageSource> {
  if ("reference" in from) {
    const { reference, username, password } = from;
    return {
      reference,
      credentials: username === undefined && password === undefined ? null : { username: username ?? "", password: password ?? "" },
    };
  }
  const archive = await imageUploads?.find(teamId, from.archive);
  if (archive === undefined) throw new BuildError("base_failed", `There is no archive ${from.archive} any more: upload it again.`);
  return { archivePath: archive.path };
}

/** Throws `BuildError` for what no process could have. */
function settingsOf({ envs, user, cwd, entrypoint, cmd }: ImageDefaults, useEntrypoint: boolean): TemplateSettings {
  const [program, ...args] = [...entrypoint, ...cmd];
  const settings = templateSettings.safeParse({
    envs,
    user,
    cwd,
    startCommand: useEntrypoint && program !== undefined ? { cmd: program, args } : null,
    readyCheck: null,
  });
  if (settings.success) return settings.data;
  const [issue] = settings.error.issues;
  throw new BuildError(
    "base_failed",
    `What the image says of its processes cannot be: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
  );
}

type Unpack = (id: string, diskMb: number) => Promise<{ readonly sizeBytes: number }>;

/**
 * A layer of an earlier build, or what is unpacked now: a layer as well, from when the build's capsule has begun with it. Another build of
 * the team that needs the same one waits until then.
 */
async function openImage(ctx: BuildContext, key: string, unpack: Unpack): Promise<OpenBase> {
  const { deps, record, signal } = ctx;
  const [begun, settled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const turn = deps.unpackings.run(`${record.teamId} ${key}`, () => {
    begun.resolve();
    return settled.promise;
  });
  turn.catch(begun.reject);
  try {
    await unlessAborted(begun.promise, signal);
    const { snapshotId, settle } = await findOrUnpack(ctx, key, unpack);
    return { snapshotId, settle: (hasBegun) => settle(hasBegun).finally(settled.resolve) };
  } catch (error) {
    settled.resolve();
    signal.throwIfAborted();
    if (error instanceof LockQueueFullError) throw new BuildError("base_failed", "Too many builds wait for this image: try again later.");
    throw error;
  }
}

async function findOrUnpack({ deps, record, recipe, log }: BuildContext, key: string, unpack: Unpack): Promise<OpenBase> {
  const known = await deps.teamTemplates.findLayer(record.teamId, deps.hostId, key);
  if (recipe.use_cache && known !== undefined) {
    log.line(0, "it was unpacked before");
    await deps.teamTemplates.touchLayer(known.id, deps.clock.now());
    return { snapshotId: known.id, settle: async () => {} };
  }
  if (known !== undefined) await discardLater(deps, known.id);
  const layer = layerOf(deps, record.teamId, record.capsuleId, key, recipe);
  const { id } = layer;
  // As long as its row is `making` and it is among those that are made, nobody removes it.
  const held = Promise.withResolvers<void>();
  const holding = deps.makingTemplates.run(id, () => held.promise);
  const settle = async (isKept: boolean, sizeBytes: number): Promise<void> => {
    try {
      if (!isKept || !(await deps.teamTemplates.finish(id, sizeBytes, null))) await discardLater(deps, id);
    } finally {
      held.resolve();
      await holding;
    }
  };
  try {
    await deps.teamTemplates.insert(layer, true);
    const { sizeBytes } = await unpack(id, layer.diskMb);
    return { snapshotId: id, settle: (hasBegun) => settle(hasBegun && deps.templateCacheMb > 0, sizeBytes) };
  } catch (error) {
    await settle(false, 0);
    throw error;
  }
}

function layerOf(
  deps: BuildDeps,
  teamId: string,
  capsuleId: string,
  layerKey: string,
  { vcpus, memory_mb: memoryMb, disk_mb: diskMb }: BuildContext["recipe"],
): TemplateRecord {
  const now = deps.clock.now();
  return {
    id: deps.ids.next("tp"),
    teamId,
    hostId: deps.hostId,
    kind: "layer",
    name: null,
    state: "making",
    vcpus: vcpus ?? LIMITS.vcpusDefault,
    memoryMb: memoryMb ?? LIMITS.memoryMbDefault,
    diskMb: diskMb ?? LIMITS.diskMbDefault,
    sizeBytes: 0,
    capsuleId,
    createdAt: now,
    sealedSettings: null,
    layerKey,
    usedAt: now,
  };
}
