/**
 * Builds the packages that are published, each as a `.tgz` in a directory: `node scripts/pack.ts DIRECTORY`.
 * Prints their files. In a clone the sources run as they are; what is installed by npm is JavaScript and its types.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

interface Manifest {
  readonly name: string;
  readonly [field: string]: unknown;
}

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error("say where to: node scripts/pack.ts DIRECTORY");
mkdirSync(target, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "capsuled-pack-"));
try {
  const sdk = join(work, "sdk");
  compile("sdk/typescript/tsconfig.build.json", sdk);
  declarations(sdk);
  manifest("sdk/typescript", sdk, { exports: { ".": { types: "./index.d.ts", default: "./index.js" } }, browser: { ws: false } });
  console.log(pack(sdk, resolve(target)));

  const cli = join(work, "cli");
  compile("cli/tsconfig.build.json", join(cli, "lib"));
  mkdirSync(join(cli, "bin"));
  writeFileSync(join(cli, "bin/capsuled.js"), '#!/usr/bin/env node\nimport "../lib/main.js";\n');
  chmodSync(join(cli, "bin/capsuled.js"), 0o755);
  manifest("cli", cli, {});
  console.log(pack(cli, resolve(target)));
} finally {
  rmSync(work, { recursive: true });
}

function compile(project: string, outDir: string): void {
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, project), "--outDir", outDir], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Declarations name their neighbours as older compilers know them too. */
function declarations(directory: string): void {
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const path = join(directory, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/((?:from |import\()"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
  }
}

/** The package's own manifest without what a clone alone needs. */
function manifest(folder: string, directory: string, published: Readonly<Record<string, unknown>>): void {
  const { private: _private, devDependencies: _dev, ...rest } = manifestOf(join(root, folder, "package.json"));
  writeFileSync(join(directory, "package.json"), `${JSON.stringify({ ...rest, ...published }, null, 2)}\n`);
  for (const [from, to] of [
    [join(root, "LICENSE"), "LICENSE"],
    [join(root, folder, "README.md"), "README.md"],
  ] as const) {
    copyFileSync(from, join(directory, to));
  }
}

function manifestOf(path: string): Manifest {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof value !== "object" || value === null || !("name" in value) || typeof value.name !== "string")
    throw new Error(`${path} is no manifest`);
  return { ...value, name: value.name };
}

function pack(directory: string, to: string): string {
  const name = execFileSync("npm", ["pack", "--silent", "--pack-destination", to], { cwd: directory, encoding: "utf8" }).trim();
  return join(to, name);
}
