import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildProgress, Template, TemplateStore } from "../../../core/ports/templates.ts";
import { TemplateMissingError } from "../../../core/ports/driver.ts";
import type { OciHost } from "../host.ts";
import type { OciOptions } from "../options.ts";
import { originsInUse } from "../snapshots/in-use.ts";
import type { Layout } from "../layout.ts";
import type { AptSources } from "./apt-sources.ts";
import { chooseSources } from "./apt-sources.ts";
import { readBuildFacts } from "./build-facts.ts";
import { buildTemplate } from "./build.ts";
import { TEMPLATE_NAME, currentBuild, templateDir } from "./layers.ts";
import type { Recipe } from "./recipe.ts";
import { fingerprint, readRecipes } from "./recipe.ts";

interface Running {
  readonly done: Promise<void>;
  /** What it has told last. */
  readonly last: () => BuildProgress | null;
  readonly listeners: Set<(progress: BuildProgress) => void>;
}

/** Templates in the store of this host, and the recipes of those that are not built yet. */
export function createTemplateStore(options: OciOptions, openHost: () => Promise<OciHost>): TemplateStore {
  const running = new Map<string, Running>();
  const failures = new Map<string, string>();

  const recipes = (): Map<string, Recipe> => readRecipes(options.recipesDir);
  const look = (host: OciHost, name: string): Template => {
    const build = currentBuild(host.layout, name);
    const ready = build !== null && existsSync(join(templateDir(host.layout, name), build));
    const failure = failures.get(name) ?? null;
    const state = ready ? "ready" : running.has(name) ? "building" : failure !== null ? "failed" : "missing";
    const progress = running.get(name)?.last() ?? null;
    if (!ready) return { name, state, sizeBytes: null, builtAt: null, failure, progress, startCommand: recipes().get(name)?.start ?? null };
    const dir = templateDir(host.layout, name);
    const facts = readBuildFacts(dir, build);
    const { sizeBytes = null, startCommand = null } = facts ?? {};
    return { name, state, sizeBytes, builtAt: builtAt(dir), failure: null, progress, startCommand };
  };

  const start = (host: OciHost, recipe: Recipe, listeners: Running["listeners"]): Running => {
    let last: BuildProgress | null = null;
    const onProgress = (progress: BuildProgress): void => {
      last = progress;
      listeners.forEach((listener) => listener(progress));
    };
    failures.delete(recipe.name);
    const done = ensureBuilt(options, host, recipe, onProgress)
      .catch((error: unknown) => {
        failures.set(recipe.name, error instanceof Error ? error.message : String(error));
        throw error;
      })
      .finally(() => running.delete(recipe.name));
    const job = { done, listeners, last: () => last };
    running.set(recipe.name, job);
    return job;
  };

  return {
    async list() {
      const host = await openHost();
      const built = readdirSync(host.layout.templatesDir).filter((name) => TEMPLATE_NAME.test(name));
      const names = new Set([...recipes().keys(), ...built]);
      return [...names].sort().map((name) => look(host, name));
    },
    async find(name) {
      if (!TEMPLATE_NAME.test(name)) return undefined;
      const host = await openHost();
      const template = look(host, name);
      return template.state === "missing" && !recipes().has(name) ? undefined : template;
    },
    async outdated() {
      const { layout } = await openHost();
      return [...recipes().values()].filter((recipe) => isOutdated(options, layout, recipe)).map(({ name }) => name);
    },
    async ensure(name, onProgress) {
      const host = await openHost();
      const recipe = recipes().get(name);
      if (recipe === undefined) {
        if (TEMPLATE_NAME.test(name) && look(host, name).state === "ready") return;
        throw new TemplateMissingError(`There is no recipe for a template named ${JSON.stringify(name)}.`);
      }
      const own = new Set(onProgress === undefined ? [] : [onProgress]);
      const job = running.get(name) ?? start(host, recipe, own);
      for (const listener of own) job.listeners.add(listener);
      await job.done;
    },
  };
}

/** Builds unless what the recipe says now is there; then removes builds that no disk goes back to. */
async function ensureBuilt(
  options: OciOptions,
  host: OciHost,
  recipe: Recipe,
  onProgress: (progress: BuildProgress) => void,
): Promise<void> {
  const { layout } = host;
  const { sources, build } = wanted(options, recipe);
  const dir = templateDir(layout, recipe.name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (builtAs(layout, recipe.name) !== build) {
    onProgress({ step: "starting", fraction: 0 });
    await buildTemplate({ recipe, build, sources, dir, storeDir: layout.storeDir, env: options.buildEnv, onProgress });
    options.log.info({ template: recipe.name, build }, "template built");
  }
  await removeUnused(host, recipe.name, build).catch((error: unknown) =>
    options.log.warn({ template: recipe.name, error }, "earlier builds of a template could not be removed"),
  );
}

function wanted({ templateMirror }: OciOptions, recipe: Recipe): { readonly sources: AptSources; readonly build: string } {
  const sources = chooseSources(templateMirror, recipe.suite);
  return { sources, build: fingerprint(recipe, sources.suite) };
}

/** The build in use, whose name says what it was made of; `null` where there is none. */
function builtAs(layout: Layout, name: string): string | null {
  const build = currentBuild(layout, name);
  return build !== null && existsSync(join(templateDir(layout, name), build)) ? build : null;
}

function isOutdated(options: OciOptions, layout: Layout, recipe: Recipe): boolean {
  const build = builtAs(layout, recipe.name);
  return build !== null && build !== wanted(options, recipe).build;
}

async function removeUnused(host: OciHost, name: string, current: string): Promise<void> {
  const used = new Set([current]);
  for (const { build } of originsInUse(host.layout)) used.add(build);
  const dir = templateDir(host.layout, name);
  for (const entry of readdirSync(dir)) {
    const build = /^([0-9a-f]{16})(\.json)?$/.exec(entry)?.[1];
    const unfinished = entry.startsWith(".unfinished-");
    if (unfinished || (build !== undefined && !used.has(build))) await rm(join(dir, entry), { recursive: true, force: true });
  }
}

function builtAt(dir: string): number {
  return Math.floor(statSync(join(dir, "current")).mtimeMs);
}
