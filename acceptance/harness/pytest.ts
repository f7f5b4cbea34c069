import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const SDK = fileURLToPath(new URL("../../sdk/python/", import.meta.url));
const PYTHON = join(SDK, ".venv/bin/python");

/** Where the plugin lies that tells of each test. */
const PLUGINS = fileURLToPath(new URL("./", import.meta.url));

/** A folder of tests. */
export interface PythonTests {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Which of the tests are run. */
  readonly marks: string;
  /** The interpreter; left out, the one of the folder's own environment in `.venv`. */
  readonly python?: string;
  /** Fewer than this means that the tests were not found, not that all is well. */
  readonly outcomesMin: number;
}

/** One test, as the plugin writes it. */
const outcome = z.object({
  name: z.string(),
  outcome: z.enum(["passed", "failed", "skipped"]),
  /** What went wrong, or why it was skipped. */
  told: z.string(),
});
type PythonOutcome = z.output<typeof outcome>;

/** Runs the Python SDK's tests with these marks, each as a test of this one; by this interpreter in place of the usual one. */
export async function testPython(
  t: TestContext,
  marks: string,
  env: Readonly<Record<string, string>>,
  python: string = PYTHON,
): Promise<void> {
  const own = { PYTHONPATH: join(SDK, "src"), CAPSULED_URL: "", CAPSULED_API_KEY: "" };
  await testPythonIn(t, { dir: SDK, env: { ...own, ...env }, marks, python, outcomesMin: 30 });
}

/** Runs the tests of a folder, each as a test of this one. */
export async function testPythonIn(t: TestContext, tests: PythonTests): Promise<void> {
  const outcomes = await runPytest(tests);
  for (const { name, outcome: how, told } of outcomes) {
    await t.test(name, () => assert.equal(how, "passed", told));
    // A runner that is forced to exit loses what is not written by then.
    await turn();
  }
  assert.ok(outcomes.length >= tests.outcomesMin, `only ${outcomes.length} tests ran`);
}

/** Runs the tests and gives each one's outcome; a run that breaks off is an outcome too. */
async function runPytest({ dir: tests, env, marks, python }: PythonTests): Promise<readonly PythonOutcome[]> {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-pytest-"));
  const results = join(dir, "results.jsonl");
  try {
    const args = ["-m", "pytest", "-p", "tell_outcomes", "--tb=short", "--quiet", "-m", marks];
    const child = spawn(python ?? join(tests, ".venv/bin/python"), args, {
      cwd: tests,
      env: {
        ...process.env,
        PYTHONDONTWRITEBYTECODE: "1",
        CAPSULED_TEST_RESULTS: results,
        ...env,
        PYTHONPATH: [PLUGINS, env["PYTHONPATH"] ?? []].flat().join(delimiter),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk));
    const status = await new Promise<number | null>((done, failed) => {
      child.once("error", failed);
      child.once("close", done);
    });
    const outcomes = readResults(results);
    if (outcomes.length === 0 || (status !== 0 && outcomes.every((one) => one.outcome !== "failed"))) {
      outcomes.push({ name: "the run as a whole", outcome: "failed", told: `pytest ended with ${status ?? "a signal"}:\n${printed}` });
    }
    return outcomes;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function readResults(file: string): PythonOutcome[] {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return []; // it ended before its first test
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => outcome.parse(JSON.parse(line)));
}
