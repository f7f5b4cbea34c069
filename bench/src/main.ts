/**
 * Measures the server and, beside it on the same machine in the same run, the floor and what users would pick instead.
 * Prints a table, the method, and writes bench/results/<time>.json. It asserts nothing.
 * `npm run bench [-- --url URL --key KEY] [step…]`; without a URL it starts a server of its own on /var/lib/capsuled-bench.
 * Steps: memory exec lifecycle forks stream terminal files endpoints docker docker-files; without any, all of them.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openServer } from "./server.ts";
import { buildLoad } from "./load.ts";
import { measureDocker } from "./docker.ts";
import { measureEndpoints } from "./endpoints.ts";
import { measureExec } from "./exec.ts";
import { measureDockerFiles } from "./docker-files.ts";
import { measureFiles } from "./files.ts";
import { measureForks } from "./forks.ts";
import { measureLifecycle } from "./lifecycle.ts";
import { measureMemory } from "./memory.ts";
import { measureStream } from "./stream.ts";
import { measureTerminal } from "./terminal.ts";
import type { Row } from "./row.ts";
import { renderTable } from "./row.ts";

const METHOD = `How it was measured: all on this machine, one measurement at a time, the first tenth of each not counted.
The load comes from a Rust process of its own (bench/load) over loopback with keep-alive; it shares the cores with the server.
Floor: posix_spawn and wait of the same program by that process, without server, isolation or protocol.
Files: a copy through a pipe (cat into cat, in the same capsule on the same disk) stands beside each transfer, GET /healthz beside
each small read. Lifecycle, forks, terminal and Docker figures come from one Node client, keep-alive; Docker by its Engine API over its unix socket,
network mode none, an image imported from the same template. Endpoints run \`echo hello\` in one capsule; beside them stand
Debian's \`webhook\` (where it is installed) and a bare Node server over child_process, both without isolation. A call with a capsule
of its own stands beside a create and an exec in it, in turn with it. Memory is read from /proc and the capsule's cgroups.`;

const STEPS = Object.entries({
  memory: measureMemory,
  exec: measureExec,
  lifecycle: measureLifecycle,
  forks: measureForks,
  stream: measureStream,
  terminal: measureTerminal,
  files: measureFiles,
  endpoints: measureEndpoints,
  docker: measureDocker,
  "docker-files": measureDockerFiles,
});

const USAGE = `npm run bench -- [--quick] [--data-dir DIR] [--url URL --key KEY] [STEP…]

Measures all steps, or those that are named: ${STEPS.map(([name]) => name).join(", ")}.
  --quick         a tenth of the rounds
  --data-dir DIR  where the bench's own server keeps its things (/var/lib/capsuled-bench)
  --url, --key    a server that runs already, instead of one of its own`;

const { values, positionals: only } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string" },
    key: { type: "string" },
    "data-dir": { type: "string" },
    quick: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});
const unknown = only.find((name) => !STEPS.some(([step]) => step === name));
if (values.help === true || unknown !== undefined) {
  console.log(unknown === undefined ? USAGE : `there is no step ${unknown}\n\n${USAGE}`);
  process.exit(unknown === undefined ? 0 : 64);
}
const root = fileURLToPath(new URL("../../", import.meta.url));
const scale = values.quick === true ? 0.1 : 1;

const load = buildLoad(root);
const server = await openServer({
  root,
  url: values.url ?? null,
  key: values.key ?? null,
  dataDir: values["data-dir"] ?? "/var/lib/capsuled-bench",
});
const rows: Row[] = [];
try {
  for (const [name, step] of STEPS) if (only.length === 0 || only.includes(name)) rows.push(...(await step({ server, load, scale })));
} finally {
  await server.close();
}
const facts = {
  time: new Date().toISOString(),
  commit: commit(),
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? "unknown",
  memory_mb: Math.round(totalmem() / 1024 / 1024),
  kernel: release(),
  node: process.version,
};
console.log(
  `\n${renderTable(rows)}\n\n${METHOD}\n\n${Object.entries(facts)
    .map(([name, value]) => `${name}: ${value}`)
    .join(" · ")}`,
);
const dir = join(root, "bench/results");
mkdirSync(dir, { recursive: true });
const file = join(dir, `${facts.time.replaceAll(/[:.]/g, "-")}.json`);
writeFileSync(file, `${JSON.stringify({ ...facts, method: METHOD, rows }, null, 2)}\n`);
console.log(`\nwritten to ${file}`);

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
