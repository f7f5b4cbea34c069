import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TemplateMissingError } from "../../../core/ports/driver.ts";
import type { Layout } from "../layout.ts";
import { isMissing } from "../../../lib/node/missing.ts";

export const TEMPLATE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;
const BUILD = /^[0-9a-f]{16}$/;

export function templateDir(layout: Layout, name: string): string {
  if (!TEMPLATE_NAME.test(name)) throw new TemplateMissingError(`There is no template named ${JSON.stringify(name)}.`);
  return join(layout.templatesDir, name);
}

/** The build that new capsules get; `null` when there is none. */
export function currentBuild(layout: Layout, name: string): string | null {
  try {
    const build = readFileSync(join(templateDir(layout, name), "current"), "utf8").trim();
    return BUILD.test(build) ? build : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** @throws TemplateMissingError */
export function requireBuild(layout: Layout, name: string): string {
  const build = currentBuild(layout, name);
  if (build === null) throw new TemplateMissingError(`The template ${name} is not built on this host.`);
  return build;
}

/** The directory of one build. @throws TemplateMissingError */
export function layerOf(layout: Layout, name: string, build: string): string {
  if (!BUILD.test(build)) throw new TemplateMissingError(`${JSON.stringify(build)} is not a build of a template.`);
  return join(templateDir(layout, name), build);
}
