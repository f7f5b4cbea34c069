import type { templateCreate } from "@capsuled/contract";
import type { z } from "zod";
import type { Hash } from "../ports/hash.ts";

/** What a caller asks to build. */
export type Recipe = z.output<typeof templateCreate>;
export type RecipeFile = NonNullable<Recipe["files"]>[number];
export type RecipeStep = NonNullable<Recipe["steps"]>[number];

/** One step of a build; the first is number 1. */
export type PlannedStep = { readonly label: string } & (
  | { readonly kind: "packages"; readonly packages: readonly string[] }
  | { readonly kind: "files"; readonly files: readonly RecipeFile[] }
  | { readonly kind: "run"; readonly step: RecipeStep }
);

/** Characters of a step's label: what its log and its error call it. */
const LABEL_CHARS_MAX = 200;

/** The steps of a recipe, in the order in which they are done. */
export function planSteps({ packages = [], files = [], steps = [] }: Recipe): readonly PlannedStep[] {
  return [
    ...(packages.length === 0 ? [] : [{ kind: "packages" as const, packages, label: shortened(`install ${packages.join(" ")}`) }]),
    ...(files.length === 0
      ? []
      : [{ kind: "files" as const, files, label: `write ${files.length} ${files.length === 1 ? "file" : "files"}` }]),
    ...steps.map((step) => ({ kind: "run" as const, step, label: shortened(step.run) })),
  ];
}

/** Names of what each step leaves: they follow from the base, and from all that was done up to and with it. */
export function layerKeys(hash: Hash, base: string, recipe: Recipe, steps: readonly PlannedStep[]): readonly string[] {
  const { envs = {}, cwd } = recipe;
  const context = { envs: Object.entries(envs).toSorted(([one], [other]) => (one < other ? -1 : 1)), cwd: cwd ?? null };
  let key = hash.sha256Hex(JSON.stringify({ base }));
  return steps.map((step) => {
    key = hash.sha256Hex(JSON.stringify([key, contentOf(hash, step), step.kind === "files" ? null : context]));
    return key;
  });
}

function contentOf(hash: Hash, step: PlannedStep): unknown {
  switch (step.kind) {
    case "packages":
      return { packages: step.packages };
    case "files":
      return { files: step.files.map(({ content, ...file }) => ({ ...file, content: hash.sha256Hex(content) })) };
    case "run": {
      const { timeout_sec: _timeout, ...step_ } = step.step;
      return { run: step_ };
    }
  }
}

function shortened(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, " ⏎ ");
  return line.length <= LABEL_CHARS_MAX ? line : `${line.slice(0, LABEL_CHARS_MAX - 1).toWellFormed()}…`;
}
