import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const names = z.record(z.string(), z.unknown()).default({});
const manifest = z.object({ dependencies: names, optionalDependencies: names });

/** Folders of an installed npm package and of all that it needs, as paths below the repository. */
export function packageClosure(name: string): readonly string[] {
  const found = new Set<string>();
  const look = (wanted: string, from: string): void => {
    const folder = findPackage(wanted, from);
    // What is optional may be for another system.
    if (folder === undefined || found.has(folder)) return;
    found.add(folder);
    const { dependencies, optionalDependencies } = manifest.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) look(needed, folder);
  };
  look(name, ROOT);
  if (found.size === 0) throw new Error(`${name} is not installed: npm ci`);
  return [...found].map((folder) => relative(ROOT, folder));
}

/** As Node looks for it: in the nearest node_modules that has it. */
function findPackage(name: string, from: string): string | undefined {
  for (let at = from; at.startsWith(dirname(ROOT)); at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return folder;
  }
  return undefined;
}
