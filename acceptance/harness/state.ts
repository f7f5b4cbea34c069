import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** What the run tells its test files about the server under test; rewritten when a test restarts it. */
const runState = z.object({
  url: z.string(),
  adminKey: z.string(),
  pid: z.number().int(),
  dataDir: z.string(),
  logFile: z.string(),
});

export type RunState = z.output<typeof runState>;

function stateFile(): string {
  const file = process.env["CAPSULED_TEST_STATE"];
  if (file === undefined)
    throw new Error("run the acceptance tests by `node acceptance/harness/run.ts`: it starts the server they talk to");
  return file;
}

export function readState(): RunState {
  return runState.parse(JSON.parse(readFileSync(stateFile(), "utf8")));
}

export function writeState(state: RunState): void {
  const file = stateFile();
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
