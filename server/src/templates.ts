import type { Config } from "./config/schema.ts";
import { Builds } from "./core/build/builds.ts";
import { createBuildService } from "./core/build/create-build-service.ts";
import type { BuildDeps } from "./core/build/deps.ts";
import { tendLayers } from "./core/build/layers.ts";
import { BUILD_KEPT_MS, TEAM_BUILDS_KEPT, TEAM_BUILDS_MAX } from "./core/build/limits.ts";
import { recoverBuilds } from "./core/build/recover-builds.ts";
import type { BuildService } from "./core/build/service.ts";
import type { CapsuleDeps } from "./core/capsule/deps.ts";
import { EventSignal } from "./core/event/event-signal.ts";
import { createTemplateService } from "./core/template/create-template-service.ts";
import { MakingTemplates } from "./core/template/making.ts";
import type { TemplateService } from "./core/template/service.ts";
import { tendTemplates } from "./core/template/upkeep.ts";
import { createKeyedLock } from "./lib/keyed-lock.ts";
import { nodeHash } from "./lib/node/hash.ts";
import type { ImageParts } from "./images.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import type { Loops } from "./loops/loops.ts";
import { createBuildStore } from "./store/build-store.ts";
import type { Database } from "./store/database.ts";

/** Milliseconds between two looks at what is to be cleared away. */
export const TEND_MS = 60_000;

export interface TemplateParts {
  readonly templates: TemplateService;
  readonly builds: BuildService;
}

/** Teams' templates and their builds, put together: clears away what an earlier start left, and goes on doing so. */
export async function createTemplates(
  capsuleDeps: CapsuleDeps,
  database: Database,
  { teamTemplatesMax, teamTemplatesMb, templateCacheMb }: Config,
  { images, uploads: imageUploads }: ImageParts,
  shutdown: Shutdown,
  loops: Loops,
): Promise<TemplateParts> {
  const { log, clock } = capsuleDeps;
  const deps: BuildDeps = {
    ...capsuleDeps,
    templateLimits: { teamTemplatesMax, teamTemplatesMb },
    makingTemplates: new MakingTemplates(),
    builds: createBuildStore(database),
    buildSignal: new EventSignal(),
    hash: nodeHash,
    unpackings: createKeyedLock({ waitersMax: TEAM_BUILDS_MAX }),
    images,
    imageUploads,
    templateCacheMb,
  };
  const builds = new Builds(deps);
  const tend = async (): Promise<readonly string[]> => {
    await recoverBuilds(deps, builds);
    const removed = [...(await tendTemplates(deps)), ...(await tendLayers(deps))];
    await deps.builds.removeOld(clock.now() - BUILD_KEPT_MS, TEAM_BUILDS_KEPT);
    return removed;
  };
  const removed = await tend();
  if (removed.length > 0) log.info({ templates: removed.length }, "templates of an earlier start were cleared away");
  shutdown.defer("templates being made", () => deps.makingTemplates.settled());
  shutdown.defer("builds of templates", () => builds.close());
  const loop = loops.start({ name: "tend templates", everyMs: TEND_MS, tick: tend });
  shutdown.defer("loop", () => loop.close());
  return { templates: createTemplateService(deps), builds: createBuildService(deps, builds) };
}
