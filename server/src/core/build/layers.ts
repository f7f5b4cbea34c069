import type { LiveCapsule } from "../capsule/live.ts";
import { discard, discardLater } from "../template/discard.ts";
import type { TemplateRecord } from "../template/record.ts";
import { takeDisk } from "../template/take.ts";
import type { BuildContext } from "./context.ts";
import type { BuildDeps } from "./deps.ts";
import { LAYER_KEPT_MS } from "./limits.ts";

/** How far earlier builds have come with the same steps. */
export interface CachedSteps {
  readonly count: number;
  /** What the last of them left; `null` where there is none. */
  readonly layerId: string | null;
}

/** The latest layer that is there: what it began with need not be there any more. */
export async function cachedSteps({ deps, record, recipe }: BuildContext, keys: readonly string[]): Promise<CachedSteps> {
  if (!recipe.use_cache) return { count: 0, layerId: null };
  for (let count = keys.length; count > 0; count -= 1) {
    const layer = await deps.teamTemplates.findLayer(record.teamId, deps.hostId, keys[count - 1] ?? "");
    if (layer === undefined) continue;
    await deps.teamTemplates.touchLayer(layer.id, deps.clock.now());
    return { count, layerId: layer.id };
  }
  return { count: 0, layerId: null };
}

/** Keeps what a step left for later builds, where that costs next to nothing. A build goes on without its layer. */
export async function keepLayer({ deps, record, recipe }: BuildContext, { record: capsule }: LiveCapsule, key: string): Promise<void> {
  const { snapshots } = deps.driver;
  if (deps.templateCacheMb === 0 || snapshots === null || !(await snapshots.sharesBlocks())) return;
  const { teamId, vcpus, memoryMb, diskMb } = capsule;
  const old = recipe.use_cache ? undefined : await deps.teamTemplates.findLayer(teamId, deps.hostId, key);
  if (old !== undefined) await discardLater(deps, old.id);
  const id = deps.ids.next("tp");
  const now = deps.clock.now();
  const facts = { sizeBytes: 0, capsuleId: capsule.id, createdAt: now, sealedSettings: null, layerKey: key, usedAt: now };
  const layer: TemplateRecord = {
    id,
    teamId,
    hostId: deps.hostId,
    kind: "layer",
    name: null,
    state: "making",
    vcpus,
    memoryMb,
    diskMb,
    ...facts,
  };
  await deps.makingTemplates.run(id, async () => {
    if (!(await deps.teamTemplates.insert(layer, true))) return;
    try {
      await deps.teamTemplates.finish(id, await takeDisk(deps, capsule.id, id, "a layer"));
    } catch (error) {
      deps.log.warn({ buildId: record.id, error }, "a build's step could not be kept for later builds");
      await discardLater(deps, id);
    }
  });
}

/** Removes layers that nobody has used for long, and the ones unused longest beyond what all may take. Resolves with their ids. */
export async function tendLayers(deps: BuildDeps): Promise<readonly string[]> {
  const all = (await deps.teamTemplates.listOnHost(deps.hostId, { kind: "layer" })).filter(({ state }) => state === "ready");
  const latestFirst = all.toSorted((one, other) => other.usedAt - one.usedAt);
  const oldest = deps.clock.now() - LAYER_KEPT_MS;
  const gone: string[] = [];
  let bytes = 0;
  for (const { id, usedAt, sizeBytes } of latestFirst) {
    bytes += sizeBytes;
    // An empty one may take nothing.
    if (deps.templateCacheMb > 0 && usedAt >= oldest && bytes <= deps.templateCacheMb * 1024 * 1024) continue;
    if (await discard(deps, id)) gone.push(id);
  }
  return gone;
}
