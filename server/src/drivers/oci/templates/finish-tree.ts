import { globSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { neutralSources } from "./apt-sources.ts";
import type { Recipe } from "./recipe.ts";

/** What the packages leave to do: the recipe's own files, and nothing of the build host. */
export async function finishTree(root: string, recipe: Recipe, suite: string): Promise<void> {
  // The runtime fills /dev; the builder's device files are not wanted.
  for (const dir of [
    "dev",
    "tmp",
    "run",
    "var/tmp",
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "etc/apt/sources.list.d",
    "var/log/apt",
  ]) {
    await empty(join(root, dir));
  }
  for (const file of [
    "var/log/dpkg.log",
    "var/log/alternatives.log",
    "var/log/bootstrap.log",
    "var/cache/ldconfig/aux-cache",
    "etc/hostname",
  ]) {
    await rm(join(root, file), { force: true });
  }
  for (const pattern of recipe.remove) {
    for (const path of globSync(pattern.slice(1), { cwd: root })) await rm(join(root, path), { recursive: true, force: true });
  }
  for (const dir of recipe.directories) await mkdir(join(root, dir), { recursive: true, mode: 0o755 });
  const files = { "/etc/apt/sources.list": `${neutralSources(suite).join("\n")}\n`, ...recipe.files };
  for (const [path, content] of Object.entries(files)) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    // Removed first: a link there would lead out of the tree.
    await rm(target, { force: true });
    await writeFile(target, content, { mode: 0o644 });
  }
}

async function empty(dir: string): Promise<void> {
  for (const name of await readdir(dir).catch(() => [])) await rm(join(dir, name), { recursive: true, force: true });
}
