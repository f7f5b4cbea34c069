import type { Config } from "./config/schema.ts";
import type { CapsuleDeps } from "./core/capsule/deps.ts";
import { createTemplateService } from "./core/template/create-template-service.ts";
import type { TemplateDeps } from "./core/template/deps.ts";
import { MakingTemplates } from "./core/template/making.ts";
import type { TemplateService } from "./core/template/service.ts";
import { tendTemplates } from "./core/template/upkeep.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import { startLoop } from "./loops/loop.ts";

/** Milliseconds between two looks at what is to be cleared away. */
export const TEND_MS = 60_000;

/** Teams' templates, put together: clears away what an earlier start left, and goes on doing so. */
export async function createTemplates(
  capsuleDeps: CapsuleDeps,
  { teamTemplatesMax, teamTemplatesMb }: Config,
  shutdown: Shutdown,
): Promise<TemplateService> {
  const { log } = capsuleDeps;
  const deps: TemplateDeps = {
    ...capsuleDeps,
    templateLimits: { teamTemplatesMax, teamTemplatesMb },
    makingTemplates: new MakingTemplates(),
  };
  const removed = await tendTemplates(deps);
  if (removed.length > 0) log.info({ templates: removed.length }, "templates of an earlier start were cleared away");
  shutdown.defer("templates being made", () => deps.makingTemplates.settled());
  const loop = startLoop({ name: "tend templates", everyMs: TEND_MS, tick: () => tendTemplates(deps) }, log);
  shutdown.defer("loop", () => loop.close());
  return createTemplateService(deps);
}
