import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** Compiles one folder's sources by its `tsconfig.build.json`. */
export function compile(folder: string, outDir: string): void {
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", join(ROOT, folder, "tsconfig.build.json"), "--outDir", outDir], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Declarations name their neighbours as older compilers know them too. */
export function nameDeclarations(directory: string): void {
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const path = join(directory, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/((?:from |import\()"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
  }
}

/** Writes the package's own manifest without what a clone alone needs, and puts licence and README beside it. */
export function describe(folder: string, directory: string, published: Readonly<Record<string, unknown>>): void {
  const { private: _private, devDependencies: _dev, ...rest } = manifestOf(join(ROOT, folder));
  writeManifest(directory, { ...rest, ...published });
  copyFileSync(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
  copyFileSync(join(ROOT, folder, "README.md"), join(directory, "README.md"));
}

export function writeManifest(directory: string, manifest: Readonly<Record<string, unknown>>): void {
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The manifest in a folder. */
export function manifestOf(folder: string): Manifest {
  const path = join(folder, "package.json");
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof value !== "object" || value === null) throw new Error(`${path} is no manifest`);
  const { name, version, ...rest }: Readonly<Record<string, unknown>> = { ...value };
  if (typeof name !== "string" || typeof version !== "string") throw new Error(`${path} has no name and version`);
  return { ...rest, name, version };
}

/** The names under `dependencies` or another field of that form. */
export function namesIn(manifest: Manifest, field: string): readonly string[] {
  const value = manifest[field];
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

/** Packs a directory and gives the file's path. */
export function pack(directory: string, to: string): string {
  const name = execFileSync("npm", ["pack", "--silent", "--pack-destination", to], { cwd: directory, encoding: "utf8" }).trim();
  return join(to, name);
}
