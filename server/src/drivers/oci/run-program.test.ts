import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "./run-program.ts";

test("a program that has ended is done though a descendant holds its streams", { timeout: 10_000 }, async () => {
  const outcome = await runProgram("sh", ["-c", "sleep 20 & echo $!; exit 3"], { timeoutMs: 15_000 });
  process.kill(Number(outcome.stdout), "SIGKILL");
  assert.equal(outcome.code, 3);
});

test("an aborted program is ended before the call fails", { timeout: 10_000 }, async () => {
  const abort = new AbortController();
  let pid = 0;
  const running = runProgram("sh", ["-c", "echo $$; exec sleep 20"], {
    timeoutMs: 15_000,
    signal: abort.signal,
    onOutput: (text) => {
      pid = Number(text);
      abort.abort();
    },
  });
  await assert.rejects(running, { name: "AbortError" });
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a program that took too long says so in its words", { timeout: 10_000 }, async () => {
  const { code, stderr } = await runProgram("sh", ["-c", "echo working >&2; exec sleep 20"], { timeoutMs: 500 });
  assert.equal(code, 128);
  assert.match(stderr, /^working\nended by SIGKILL after \d+ ms$/);
});
