import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { schemas } from "capsuled";
import { parse, YAMLParseError } from "yaml";
import { UsageError } from "./exit.ts";

/**
 * A recipe of a YAML or JSON file. Beside what the API takes, a step may be a plain text, and a file may say `source`, a file of this
 * machine relative to the recipe's, in place of `content`. What is wrong otherwise is the server's to say. Throws `UsageError`.
 */
export function readRecipe(file: string, name: string | undefined): schemas.TemplateCreate {
  const value = parsed(file, readFileSync(file === "-" ? 0 : file, "utf8"));
  if (!isObject(value)) throw new UsageError(`${file} has no recipe in it: a map of name, steps and so on is expected`);
  const { steps, files } = value;
  const recipe = {
    ...value,
    ...(name !== undefined && { name }),
    ...(Array.isArray(steps) && { steps: steps.map((step: unknown) => (typeof step === "string" ? { run: step } : step)) }),
    ...(Array.isArray(files) && { files: files.map((one: unknown) => withContent(one, file === "-" ? "." : dirname(file))) }),
  };
  if (!("name" in recipe)) throw new UsageError("say what the template is called: name in the recipe, or --name");
  return recipe as schemas.TemplateCreate; // the server says what is wrong with it
}

function parsed(file: string, text: string): unknown {
  try {
    // The aliases of a small file can make a huge recipe.
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    if (error instanceof YAMLParseError || error instanceof ReferenceError) throw new UsageError(`${file}: ${error.message}`);
    throw error;
  }
}

function withContent(value: unknown, directory: string): unknown {
  if (!isObject(value) || typeof value["source"] !== "string") return value;
  const { source, ...rest } = value;
  return { ...rest, content: readFileSync(resolve(directory, String(source))).toString("base64"), encoding: "base64" };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
