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
    for (const files of phases()) if (files.length > 0 && !stuck.signal.aborted) failed = !(await runTests(files, stuck.signal)) || failed;
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

function phases(): readonly (readonly string[])[] {
  const wanted = (file: string): boolean => positionals.length === 0 || positionals.some((part) => file.includes(part));
  const files = readdirSync(TESTS)
    .filter((file) => file.endsWith(".test.ts"))
    .sort();
  const others = files.filter((file) => file !== LEFTOVERS && !RESTART.includes(file) && wanted(file));
  const restart = files.filter((file) => RESTART.includes(file) && wanted(file));
  return restart.length === 0 ? [others, [LEFTOVERS]] : [others, [LEFTOVERS], restart, [LEFTOVERS]];
}

/** Runs test files one after another, until the signal; appends their TAP where it is wanted. */
async function runTests(files: readonly string[], stuck: AbortSignal): Promise<boolean> {
  const tapPart = join(dir, "part.tap");
  const reporters = [
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=tap",
    `--test-reporter-destination=${tapPart}`,
  ];
  const child = spawn(
    process.execPath,
    ["--test", "--test-concurrency=1", "--test-force-exit", ...reporters, ...files.map((file) => join(TESTS, file))],
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
