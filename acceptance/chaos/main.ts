/**
 * Keeps a real server with real capsules under mixed load while it breaks whatever it can, and counts what was lost or doubled.
 * `npm run chaos -- [--minutes N] [--seed S] [--slots N] [--log DIR] [--json]`. Exit code 0 only if every count is 0.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freshDatabase } from "../harness/fresh-database.ts";
import { readAdminKey, startServer } from "../harness/server-process.ts";
import { writeState } from "../harness/state.ts";
import { ActionLog } from "./action-log.ts";
import { Ledger } from "./ledger.ts";
import { didWork, isZero, renderReport, rowsOf, worstRecoveryMs } from "./report.ts";
import { runChaos } from "./run.ts";
import { clearUp } from "./clear-up.ts";

const MINUTES_MAX = 24 * 60;
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    slots: { type: "string", default: "4" },
    log: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

function positive(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!(value > 0 && value <= max)) {
    process.stderr.write(`chaos: --${name} must be more than 0 and at most ${max}\n`);
    process.exit(64);
  }
  return value;
}

async function main(): Promise<number> {
  const minutes = positive("minutes", values.minutes, MINUTES_MAX);
  const slots = positive("slots", values.slots, 64);
  const dir = values.log ?? mkdtempSync(join(tmpdir(), "capsuled-chaos-"));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  process.env["CAPSULED_TEST_STATE"] = join(dir, "state.json");
  const dataDir = process.env["CAPSULED_TEST_DATA_DIR"] ?? "/var/lib/capsuled-test";
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const logFile = join(dir, "server.log");
  writeFileSync(logFile, "", { mode: 0o600 });
  process.stderr.write(
    `chaos: seed ${values.seed}, ${minutes} min; actions in ${join(dir, "actions.jsonl")}, the server's log in ${logFile}\n`,
  );
  const log = new ActionLog(join(dir, "actions.jsonl"));
  const ledger = new Ledger(log);
  const interrupted = new AbortController();
  const over = new AbortController();
  const breakOff = (): void => interrupted.abort();
  process.on("SIGINT", breakOff);
  process.on("SIGTERM", breakOff);
  const known = { byId: new Map(), capsules: new Set<string>() };
  const world = {
    seed: values.seed,
    runId: `chaos-${randomBytes(4).toString("hex")}`,
    log,
    ledger,
    broken: AbortSignal.any([interrupted.signal, over.signal]),
    known,
  };
  const began = performance.now();
  let failure: string | null = null;
  freshDatabase(dataDir);
  try {
    const server = await startServer({ dataDir, port: 0, logFile });
    writeState({ ...server, adminKey: readAdminKey(dataDir), dataDir, logFile });
    log.write("run", "begins", { seed: values.seed, minutes, slots, runId: world.runId });
    await runChaos(world, { minutes, slots, dataDir });
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : "something that is no error was thrown";
  } finally {
    over.abort();
    await clearUp(dataDir);
    log.close();
  }
  if (failure !== null && !interrupted.signal.aborted) process.stderr.write(`${failure}\n`);
  const seconds = Math.round((performance.now() - began) / 1000);
  const isGood = failure === null && !interrupted.signal.aborted && didWork(ledger) && rowsOf(ledger).every(isZero);
  print({ seed: values.seed, minutes, seconds }, ledger, isGood);
  if (isGood && values.log === undefined) rmSync(dir, { recursive: true, force: true });
  else process.stderr.write(`chaos: the logs are kept in ${dir}\n`);
  return interrupted.signal.aborted ? 130 : isGood ? 0 : 1;
}

function print(facts: Readonly<Record<string, string | number>>, ledger: Ledger, isGood: boolean): void {
  const rows = rowsOf(ledger);
  if (values.json) {
    const report = {
      ...facts,
      ok: isGood,
      rows,
      faults: Object.fromEntries(ledger.faults),
      worst_recovery_ms: Math.round(worstRecoveryMs(ledger)),
      recoveries: ledger.recoveriesMs.length,
      findings: ledger.findings,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  process.stdout.write(renderReport(ledger, facts));
  const passed = rows.filter(isZero).length + (didWork(ledger) ? 1 : 0);
  const failed = rows.length + 1 - passed;
  process.stdout.write(`chaos: ${passed} passed, ${isGood ? failed : Math.max(1, failed)} failed\n`);
}

process.exitCode = await main();
