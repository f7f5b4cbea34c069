import { setTimeout as sleep } from "node:timers/promises";
import type { BuildProgress, Template, TemplateStore } from "../../core/ports/templates.ts";

const SIZE_BYTES = 120 * 1024 * 1024;
const STEPS = ["fetch packages", "unpack", "configure", "pack layers"] as const;

/** How a fake template store behaves. */
export interface FakeTemplateScript {
  /** Recipes there are. Default `minimal` and `base-python`. */
  readonly recipes?: readonly string[];
  /** Those of them that are built from the start. Default: all. */
  readonly built?: readonly string[];
  /** Milliseconds that a build takes. Default 0. */
  readonly buildMs?: number;
  /** Builds that fail, with the last lines of the builder. */
  readonly failures?: Readonly<Record<string, string>>;
}

/** Templates in memory; `builds` counts the builds that were begun, by name. */
export interface FakeTemplateStore extends TemplateStore {
  readonly builds: ReadonlyMap<string, number>;
}

type Listener = (progress: BuildProgress) => void;

export function createFakeTemplates(script: FakeTemplateScript = {}): FakeTemplateStore {
  const recipes = script.recipes ?? ["minimal", "base-python"];
  const state = new Map<string, Template["state"]>(
    recipes.map((name) => [name, (script.built ?? recipes).includes(name) ? "ready" : "missing"]),
  );
  const underWay = new Map<string, { readonly done: Promise<void>; readonly listeners: Set<Listener> }>();
  const builds = new Map<string, number>();
  const progress = new Map<string, BuildProgress>();

  const tell = (name: string): Template | undefined => {
    const now = state.get(name);
    if (now === undefined) return undefined;
    return {
      name,
      state: now,
      sizeBytes: now === "ready" ? SIZE_BYTES : null,
      builtAt: now === "ready" ? 0 : null,
      failure: now === "failed" ? (script.failures?.[name] ?? null) : null,
      progress: now === "building" ? (progress.get(name) ?? null) : null,
      startCommand: null,
    };
  };

  const build = async (name: string, listeners: ReadonlySet<Listener>): Promise<void> => {
    builds.set(name, (builds.get(name) ?? 0) + 1);
    state.set(name, "building");
    for (const [index, step] of STEPS.entries()) {
      const now = { step: `${name}: ${step}`, fraction: index / STEPS.length };
      progress.set(name, now);
      for (const listener of listeners) listener(now);
      await sleep((script.buildMs ?? 0) / STEPS.length);
    }
    const failure = script.failures?.[name];
    state.set(name, failure === undefined ? "ready" : "failed");
    if (failure !== undefined) throw new Error(`the template ${name} could not be built: ${failure}`);
    for (const listener of listeners) listener({ step: `${name}: ready`, fraction: 1 });
  };

  return {
    builds,
    list: async () => recipes.flatMap((name) => tell(name) ?? []),
    find: async (name) => tell(name),
    outdated: async () => [],
    async ensure(name, onProgress) {
      if (!state.has(name)) throw new Error(`there is no recipe for the template ${name}`);
      if (state.get(name) === "ready") return;
      const joined = underWay.get(name);
      if (joined !== undefined) {
        if (onProgress !== undefined) joined.listeners.add(onProgress);
        return joined.done;
      }
      const listeners = new Set(onProgress === undefined ? [] : [onProgress]);
      const done = build(name, listeners).finally(() => underWay.delete(name));
      underWay.set(name, { done, listeners });
      return done;
    },
  };
}
