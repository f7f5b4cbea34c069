import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { agentPackage, CPUS } from "./agent.ts";
import { compile, describe, manifestOf, namesIn, ROOT } from "./staging.ts";

/** Types, source maps, and folders of a package that hold its tests and examples: half of the files, and a server reads none. */
const NEVER_RUN = /\.(map|[cm]?ts)$|^(tests?|__tests__|bench|benchmarks?|docs|examples?|integration)(\/|$)/;
/** What people read beside a server. */
const DOCUMENTS = ["config.md", "limits.md", "security.md", "reliability.md", "guides", "spec"] as const;

/**
 * The server with all that it runs on: JavaScript, template recipes, documents, and its dependencies in the versions of the lock, so
 * that what was tested is what runs, as root. Its binaries come in a package for each platform.
 */
export function stageServer(directory: string, contract: string): string {
  const lib = join(directory, "lib");
  compile("server", lib);
  copyAssets(join(ROOT, "server/src"), lib);
  cpSync(join(ROOT, "templates"), join(directory, "templates"), { recursive: true });
  mkdirSync(join(directory, "docs"));
  for (const name of DOCUMENTS) cpSync(join(ROOT, "docs", name), join(directory, "docs", name), { recursive: true });
  describe("server", directory, serverFields());
  bundle(directory, contract);
  return directory;
}

/** What the published manifest says and a clone's does not. */
export function serverFields(): Readonly<Record<string, unknown>> {
  const manifest = manifestOf(join(ROOT, "server"));
  return {
    exports: { "./main": "./lib/main.js" },
    os: ["linux"],
    cpu: CPUS,
    optionalDependencies: Object.fromEntries(CPUS.map((cpu) => [agentPackage(cpu), manifest.version])),
    bundleDependencies: namesIn(manifest, "dependencies"),
  };
}

/** Files beside the sources that are read as they are: the styles and the script of the reference page. */
function copyAssets(from: string, to: string): void {
  for (const file of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || file.name.endsWith(".ts")) continue;
    const path = join(file.parentPath, file.name);
    // One that a source compiles to has the same name.
    cpSync(path, join(to, relative(from, path)), { force: false, errorOnExist: true });
  }
}

/** Puts what the server depends on below it, laid out as npm laid it out here; the contract as it is built. */
function bundle(directory: string, contract: string): void {
  const seen = new Set<string>();
  const take = (name: string, from: string, isOptional: boolean): void => {
    if (name === "@capsuled/contract") {
      cpSync(contract, join(directory, "node_modules", name), { recursive: true, filter: (path) => isRun(relative(contract, path)) });
      return takeAll(join(ROOT, "contract"));
    }
    const folder = findPackage(name, from);
    if (folder === null && isOptional) return;
    if (folder === null) throw new Error(`${name} is not installed: npm ci`);
    if (seen.has(folder)) return;
    seen.add(folder);
    cpSync(folder, join(directory, placeOf(folder)), { recursive: true, filter: (path) => isRun(relative(folder, path)) });
    takeAll(folder);
  };
  const takeAll = (folder: string): void => {
    const manifest = manifestOf(folder);
    const optional = namesIn(manifest, "optionalDependencies");
    for (const name of [...namesIn(manifest, "dependencies"), ...optional]) take(name, folder, optional.includes(name));
  };
  takeAll(join(ROOT, "server"));
}

/** Whether a server may read this path of a package; what is nested comes by itself, if at all. */
function isRun(path: string): boolean {
  return path.split(sep)[0] !== "node_modules" && !NEVER_RUN.test(path);
}

/** A package of the repository's node_modules or of the server's own, as a path below the server. */
function placeOf(folder: string): string {
  const own = relative(join(ROOT, "server"), folder);
  return own.startsWith("..") ? relative(ROOT, folder) : own;
}

/** As Node looks for it: in the nearest node_modules that has it. */
function findPackage(name: string, from: string): string | null {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return folder;
    if (at === dirname(ROOT.slice(0, -1)) || at === dirname(at)) return null;
  }
}
