import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TEMPLATE_NAME } from "./layers.ts";

/** What a recipe file says; `templates/<name>/recipe.json`. */
export const recipeSchema = z.strictObject({
  name: z.string().regex(TEMPLATE_NAME),
  description: z.string(),
  /** Debian release for hosts that are not Debian themselves. */
  suite: z.string().regex(/^[a-z]+$/),
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9.+-]+$/)),
  /** Made after the packages, empty, mode 0755. */
  directories: z.array(z.string().startsWith("/")),
  /** Written after the packages, mode 0644: path to content. */
  files: z.record(z.string().startsWith("/"), z.string()),
  /** Begins in the background whenever a capsule boots. */
  start: z.strictObject({ cmd: z.string().startsWith("/"), args: z.array(z.string()) }).optional(),
  /** Removed after the packages; `*` stands for any part of one name. */
  remove: z.array(z.string().startsWith("/")),
  /** Paths that packages do not get to install, in dpkg's form. */
  exclude: z.array(z.string().startsWith("/")),
  /** Exceptions from those. */
  include: z.array(z.string().startsWith("/")),
});

export type Recipe = z.infer<typeof recipeSchema>;

/** Raised when the builder itself changes what it makes of a recipe. */
const BUILDER_VERSION = 1;

/** Recipes by name. @throws for a recipe that is malformed or named unlike its folder */
export function readRecipes(dir: string): Map<string, Recipe> {
  const recipes = new Map<string, Recipe>();
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const file = join(dir, entry.name, "recipe.json");
    const parsed = recipeSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
    if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
    if (parsed.data.name !== entry.name) throw new Error(`${file}: its name is ${parsed.data.name}.`);
    recipes.set(parsed.data.name, parsed.data);
  }
  return recipes;
}

/** Names the build of a recipe from these sources: 16 hex digits that change when what is built would. */
export function fingerprint(recipe: Recipe, suite: string): string {
  const content = JSON.stringify([BUILDER_VERSION, suite, recipeSchema.parse(recipe)]);
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}
