/**
 * Starts the real server once, runs the acceptance tests against it, looks for what they left on the host, stops it.
 * `node acceptance/harness/run.ts [--tap FILE] [part of a test file's name…]`
 */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freshDatabase } from "./fresh-database.ts";
import { hostTraces, processUse } from "./host.ts";
import { waitUntil } from "./wait.ts";
import { warmUp } from "./warm-up.ts";
import { endServer, readAdminKey, startServer } from "./server-process.ts";
import { watchForSilence } from "./silence.ts";
import { readState, writeState } from "./state.ts";
import { unmountStore } from "./unmount-store.ts";

const TESTS = fileURLToPath(new URL("../tests/", import.meta.url));
/** Looks at what is left, so it comes after the others; and again after those that restart the server. */
const LEFTOVERS = "leftovers.test.ts";
/** Milliseconds for what the server builds anew at its start, where a recipe has changed. */
const BUILD_MS = 600_000;
/** They end the server under test and start it anew, or break what it stands on. */
const RESTART: readonly string[] = [
  "database.test.ts",
  "endpoints-restart.test.ts",
  "network.test.ts",
  "packages.test.ts",
  "recovery.test.ts",
  "restart.test.ts",
  "snapshots.test.ts",
  "storage.test.ts",
  "templates.test.ts",
];

/**
 * They run beside one another, those first that take longest: each has capsules, and where it looks at lists a team, of its own, most of
 * their time is waiting, and none measures the server or the host as a whole. A file that does must not be named here.
 */
const BESIDE: readonly string[] = [
  "endpoints-by-themselves.test.ts",
  "sdk-python.test.ts",
  "exec-long.test.ts",
  "slow-readers.test.ts",
  "code-interpreter.test.ts",
  "ttl.test.ts",
  "sdk-typescript-abort.test.ts",
  "documented-client.test.ts",
  "metrics.test.ts",
  "ports.test.ts",
  "exec-stream.test.ts",
  "cli-examples.test.ts",
  "terminals.test.ts",
  "cli-terminal.test.ts",
  "cli-copy.test.ts",
  "pause.test.ts",
  "endpoints-browser.test.ts",
  "cli-json.test.ts",
  "cli-told.test.ts",
  "images.test.ts",
  "images-layers.test.ts",
  "ports-browser.test.ts",
  "guide-metrics.test.ts",
  "guide-endpoints.test.ts",
  "endpoints-timeouts.test.ts",
];
/** How many of those are under way at once. */
const BESIDE_FILES = 4;

/** Milliseconds without an answer after which a server that lives is taken for stuck: each test would wait minutes for it, one after the other. */
const SILENCE_MS = 60_000;

const { values, positionals } = parseArgs({ options: { tap: { type: "string" } }, allowPositionals: true });
const tap = values.tap ?? null;
const dir = mkdtempSync(join(tmpdir(), "capsuled-acceptance-"));
process.env["CAPSULED_TEST_STATE"] = join(dir, "state.json");
process.env["CAPSULED_TEST_BASELINE"] = join(dir, "baseline.json");
process.exitCode = await main();

async function main(): Promise<number> {
  const dataDir = process.env["CAPSULED_TEST_DATA_DIR"] ?? "/var/lib/capsuled-test";
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const logFile = join(dir, "server.log");
  writeFileSync(logFile, "", { mode: 0o600 });
  console.error(`the server under test: data in ${dataDir}, log in ${logFile}; its first start builds the template, which takes minutes`);
  freshDatabase(dataDir);
  const server = await startServer({ dataDir, port: 0, logFile });
  writeState({ ...server, adminKey: readAdminKey(dataDir), dataDir, logFile });
  let failed = false;
  const stuck = new AbortController();
  const endWatch = watchForSilence({ server: readState, silenceMs: SILENCE_MS, onSilence: () => stuck.abort() });
  try {
    await warmUp();
    // What the server makes ahead for the next capsules is made by children of its.
    await waitUntil(() => (processUse(server.pid).children === 0 ? true : undefined), {
      what: "the server's children to end",
      timeoutMs: BUILD_MS,
    });
    writeFileSync(
      join(dir, "baseline.json"),
      JSON.stringify({ traces: hostTraces(dataDir), use: { pid: server.pid, ...processUse(server.pid) } }),
    );
    for (const { files, atOnce } of phases())
      if (files.length > 0 && !stuck.signal.aborted) failed = !(await runTests(files, atOnce, stuck.signal)) || failed;
  } finally {
    endWatch();
    if (stuck.signal.aborted) {
      failed = true;
      console.error(`the server has answered nothing for ${SILENCE_MS / 1000} s, though it lives: the run ends here`);
    }
    // One that is stuck hears no SIGTERM.
    await endServer(serverPid(server.pid), stuck.signal.aborted ? "SIGKILL" : "SIGTERM");
    unmountStore(dataDir);
  }
  if (failed) console.error(`the server's log is kept: ${logFile}\n${readFileSync(logFile, "utf8").slice(-4000)}`);
  else rmSync(dir, { recursive: true, force: true });
  return failed ? 1 : 0;
}

/** The server that runs now: a test may have put another in the first one's place. */
function serverPid(first: number): number {
  try {
    return readState().pid;
  } catch {
    return first; // the run's directory is gone; its server must not be left
  }
}

interface Phase {
  readonly files: readonly string[];
  /** How many files are under way at once. */
  readonly atOnce: number;
}

function phases(): readonly Phase[] {
  const all = readdirSync(TESTS).filter((file) => file.endsWith(".test.ts"));
  const missing = [...BESIDE, ...RESTART, LEFTOVERS].filter((file) => !all.includes(file));
  if (missing.length > 0) throw new Error(`named in the harness and not there: ${missing.join(", ")}`);
  const wanted = (file: string): boolean => positionals.length === 0 || positionals.some((part) => file.includes(part));
  const beside = { files: BESIDE.filter(wanted), atOnce: BESIDE_FILES };
  const others = all.filter((file) => ![LEFTOVERS, ...BESIDE, ...RESTART].includes(file) && wanted(file)).sort();
  const restart = RESTART.filter(wanted);
  const leftovers = { files: [LEFTOVERS], atOnce: 1 };
  const upTo = [beside, { files: others, atOnce: 1 }, leftovers];
  return restart.length === 0 ? upTo : [...upTo, { files: restart, atOnce: 1 }, leftovers];
}

/** Runs test files, so many at once, until the signal; appends their TAP where it is wanted. */
async function runTests(files: readonly string[], atOnce: number, stuck: AbortSignal): Promise<boolean> {
  const tapPart = join(dir, "part.tap");
  const reporters = [
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=tap",
    `--test-reporter-destination=${tapPart}`,
  ];
  const child = spawn(
    process.execPath,
    ["--test", `--test-concurrency=${atOnce}`, "--test-force-exit", ...reporters, ...files.map((file) => join(TESTS, file))],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  // It ends its files' processes, and tells which was under way.
  const end = (): void => void child.kill("SIGTERM");
  stuck.addEventListener("abort", end, { once: true });
  const code = await new Promise<number | null>((done) => child.once("exit", done));
  stuck.removeEventListener("abort", end);
  if (tap !== null) appendFileSync(tap, readFileSync(tapPart, "utf8"));
  rmSync(tapPart, { force: true });
  return code === 0;
}
