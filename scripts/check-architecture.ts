/**
 * Reads every import in the repository and compares it with the table of what may import what.
 * Also holds the rules of names and sizes that no linter knows. Prints each breach; exits 1 if there is one.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Fewer files than this means that the check saw nothing, not that all is well. */
const TS_FILES_MIN = 120;
const RS_FILES_MIN = 20;
const EDGES_MIN = 300;
const LINES_MAX = 400;

/** What each layer may import of the others; its own files always. `node` stands for Node's own modules, `package` for those of npm, those that core may import (they compute and do nothing else) included. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  contract: ["package"],
  lib: [],
  "lib-node": ["lib", "core", "node"],
  core: ["contract", "lib", "zod", "re2js"],
  http: ["core", "contract", "lib", "lib-node", "node", "package"],
  store: ["core", "contract", "lib", "lib-node", "node", "package"],
  "drivers/oci": ["core", "contract", "lib", "lib-node", "node", "package", "drivers"],
  "drivers/fake": ["core", "contract", "lib", "lib-node", "node", "package", "drivers"],
  drivers: ["core", "contract", "lib", "lib-node", "node", "drivers/oci", "drivers/fake"],
  "agent-link": ["core", "contract", "lib", "lib-node", "node", "package"],
  loops: ["core", "contract", "lib"],
  workers: ["core", "contract", "lib", "lib-node", "node", "package"],
  cron: ["core", "lib", "package"],
  images: ["core", "lib", "lib-node", "node", "package"],
  outbound: ["core", "lib", "lib-node", "node", "package"],
  telemetry: ["core", "contract", "lib", "lib-node", "node", "package"],
  config: ["contract", "lib", "node", "package"],
  composition: ["*"],
  test: ["*"],
  // Runs in browsers too: no modules of Node, and no package but the WebSocket of runtimes that have none.
  sdk: ["ws"],
  cli: ["sdk", "node", "yaml"],
  "sdk-testing": ["contract", "sdk", "node", "package"],
  acceptance: ["contract", "sdk", "sdk-testing", "node", "package"],
  bench: ["node", "package"],
  scripts: ["contract", "config", "core", "cli", "node", "package"],
};

/** Packages that are layers of their own, so that core can have them without having every package. */
const PURE_PACKAGES: ReadonlySet<string> = new Set(["zod", "re2js", "ws", "yaml"]);

/** Types only: nothing is loaded by them. */
const ALLOWED_TYPES: Readonly<Record<string, readonly string[]>> = {
  core: ["node", "package"],
  lib: ["node"],
  loops: ["node"],
};

const FORBIDDEN_NAMES = /^(utils?|helpers?|common|shared|misc|.*manager|types)$/i;

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const breaches: string[] = [];
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const sources = tracked.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
const rust = tracked.filter((file) => file.endsWith(".rs"));

const edges = sources.flatMap(importsOf);
for (const edge of edges) checkEdge(edge);
for (const file of [...sources, ...rust]) checkShape(file);
if (sources.length < TS_FILES_MIN)
  breaches.push(`saw only ${sources.length} TypeScript files (at least ${TS_FILES_MIN} are expected): the check is blind`);
if (rust.length < RS_FILES_MIN)
  breaches.push(`saw only ${rust.length} Rust files (at least ${RS_FILES_MIN} are expected): the check is blind`);
if (edges.length < EDGES_MIN) breaches.push(`saw only ${edges.length} imports (at least ${EDGES_MIN} are expected): the check is blind`);

for (const breach of breaches) console.error(breach);
console.log(
  `architecture: ${sources.length} TypeScript files, ${rust.length} Rust files, ${edges.length} imports, ${breaches.length} breaches`,
);
process.exitCode = breaches.length === 0 ? 0 : 1;

function importsOf(file: string): readonly Edge[] {
  const text = readFileSync(join(root, file), "utf8");
  const found: Edge[] = [];
  const pattern = /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;
  for (const match of text.matchAll(pattern)) {
    const to = match[3] ?? match[4];
    if (to !== undefined) found.push({ from: file, to, typeOnly: match[2] !== undefined });
  }
  return found;
}

function checkEdge({ from, to, typeOnly }: Edge): void {
  const source = layerOf(from);
  if (source === undefined) {
    breaches.push(`${from}: belongs to no layer of the table`);
    return;
  }
  const target = targetLayer(from, to);
  if (target === undefined) {
    breaches.push(`${from}: imports ${to}, which belongs to no layer of the table`);
    return;
  }
  const isOwnTest = from.endsWith(".test.ts") && to === `./${from.slice(from.lastIndexOf("/") + 1).replace(".test.ts", ".ts")}`;
  if (target === "composition" && source !== "composition" && !isOwnTest) {
    breaches.push(`${from}: imports ${to}; nobody imports the composition root`);
    return;
  }
  if (source === target) return;
  const allowed = ALLOWED[source] ?? [];
  if (allowed.includes("*") || allowed.includes(target) || (PURE_PACKAGES.has(target) && allowed.includes("package"))) return;
  if (typeOnly && (ALLOWED_TYPES[source] ?? []).includes(target)) return;
  breaches.push(`${from} (${source}) may not import ${to} (${target})`);
}

function targetLayer(from: string, to: string): string | undefined {
  if (to.startsWith(".")) {
    if (!/\.(ts|json|js)$/.test(to)) breaches.push(`${from}: imports ${to} without its extension`);
    return layerOf(posix.normalize(posix.join(posix.dirname(from), to)));
  }
  if (to.startsWith("node:") || builtinModules.includes(to)) return "node";
  if (to === "@capsuled/contract" || to.startsWith("@capsuled/contract/")) return "contract";
  if (to === "capsuled") return "sdk";
  if (to.startsWith("@capsuled/")) return undefined;
  return PURE_PACKAGES.has(to) ? to : "package";
}

function layerOf(file: string): string | undefined {
  const [top, ...rest] = file.split("/");
  switch (top) {
    case "contract":
      return file.endsWith(".test.ts") ? "test" : top;
    case "acceptance":
    case "bench":
    case "scripts":
      return top;
    case "sdk":
      return file.endsWith(".test.ts") ? "test" : file.includes("/testing/") ? "sdk-testing" : top;
    case "cli":
      return file.endsWith(".test.ts") ? "test" : top;
    case "server":
      return serverLayer(file, rest[1] ?? "", rest[2] ?? "");
    default:
      return undefined;
  }
}

function serverLayer(file: string, folder: string, below: string): string | undefined {
  if (!file.startsWith("server/src/") || /\.test\.ts$|\/(testing|conformance)\/|\/conformance\.ts$/.test(file)) return "test";
  if (folder.endsWith(".ts")) return "composition";
  if (folder === "lib") return below === "node" ? "lib-node" : "lib";
  if (folder === "drivers") return below === "oci" || below === "fake" ? `drivers/${below}` : "drivers";
  return folder in ALLOWED ? folder : undefined;
}

function checkShape(file: string): void {
  const text = readFileSync(join(root, file), "utf8");
  const lines = text.split("\n").length - 1;
  const isMade = text.startsWith("// Made from ");
  if (lines > LINES_MAX && !isMade) breaches.push(`${file}: ${lines} lines, more than ${LINES_MAX}: what second idea does it hold?`);
  for (const part of file.split("/")) {
    const name = part.replace(/(\.test)?\.(ts|rs)$/, "");
    if (FORBIDDEN_NAMES.test(name)) breaches.push(`${file}: "${name}" says nothing; name the idea`);
  }
  if (!file.endsWith(".ts")) return;
  if (/\n\s*export default\b/.test(`\n${text}`)) breaches.push(`${file}: default exports are not used here`);
  if (/(^|\n)\s*(export\s+)?(const\s+)?enum\s|(^|\n)\s*(export\s+)?namespace\s/.test(text))
    breaches.push(`${file}: only syntax that can be erased`);
  if (layerOf(file) === "core" && /\bDate\.now\(|\bMath\.random\(|new Date\(\)/.test(text))
    breaches.push(`${file}: core takes the time and chance from its ports`);
  if (/\.(only|skip|todo)\(\s*["'`]/.test(text) && file.endsWith(".test.ts"))
    breaches.push(`${file}: a test is focused, skipped or left to do`);
}
