/**
 * Keeps a real server with real capsules under mixed load while it breaks whatever it can, and counts what was lost or doubled.
 * `npm run chaos -- [--minutes N] [--seed S] [--slots N] [--log DIR] [--json]`. Exit code 0 only if every count is 0.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshDatabase } from "../harness/fresh-database.ts";
import { readAdminKey, startServer } from "../harness/server-process.ts";
import { writeState } from "../harness/state.ts";
import { ActionLog } from "./action-log.ts";
import { Ledger } from "./ledger.ts";
import type { ChaosOptions } from "./options.ts";
import { readOptions, USAGE } from "./options.ts";
import { didWork, isZero, renderReport, rowsOf, worstRecoveryMs } from "./report.ts";
import { runChaos } from "./run.ts";
import { clearUp } from "./clear-up.ts";

async function main(): Promise<number> {
  const read = readOptions(process.argv.slice(2));
  switch (read.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "wrong":
      process.stderr.write(`chaos: ${read.problem}\n\n${USAGE}`);
      return 64;
    case "run":
      return chaos(read.options);
  }
}

async function chaos(options: ChaosOptions): Promise<number> {
  const { minutes, slots, seed } = options;
  const dir = options.log ?? mkdtempSync(join(tmpdir(), "capsuled-chaos-"));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  process.env["CAPSULED_TEST_STATE"] = join(dir, "state.json");
  const dataDir = process.env["CAPSULED_TEST_DATA_DIR"] ?? "/var/lib/capsuled-test";
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const logFile = join(dir, "server.log");
  writeFileSync(logFile, "", { mode: 0o600 });
  process.stderr.write(`chaos: seed ${seed}, ${minutes} min; actions in ${join(dir, "actions.jsonl")}, the server's log in ${logFile}\n`);
  const log = new ActionLog(join(dir, "actions.jsonl"));
  const ledger = new Ledger(log);
  const interrupted = new AbortController();
  const over = new AbortController();
  const breakOff = (): void => interrupted.abort();
  process.on("SIGINT", breakOff);
  process.on("SIGTERM", breakOff);
  const known = { byId: new Map(), capsules: new Set<string>() };
  const world = {
    seed,
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
    log.write("run", "begins", { seed, minutes, slots, runId: world.runId });
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
  print({ seed, minutes, seconds }, ledger, isGood, options.json);
  if (isGood && options.log === undefined) rmSync(dir, { recursive: true, force: true });
  else process.stderr.write(`chaos: the logs are kept in ${dir}\n`);
  return interrupted.signal.aborted ? 130 : isGood ? 0 : 1;
}

function print(facts: Readonly<Record<string, string | number>>, ledger: Ledger, isGood: boolean, asJson: boolean): void {
  const rows = rowsOf(ledger);
  if (asJson) {
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
