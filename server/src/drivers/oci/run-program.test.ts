import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
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
  const { code, stderr } = await runProgram("sh", ["-c", "echo working >&2; exec sleep 20"], { timeoutMs: 2000 });
  assert.equal(code, 128);
  assert.match(stderr, /^working\nended by SIGKILL after \d+ ms$/);
});

test("a process that has as many open files as it may hears that no program can be started, and goes on", { timeout: 60_000 }, () => {
  const crowded = `
    import { openSync, closeSync } from "node:fs";
    import { runProgram } from ${JSON.stringify(new URL("run-program.ts", import.meta.url).href)};
    import { KeptProcess } from ${JSON.stringify(new URL("kept-process.ts", import.meta.url).href)};
    const kept = new KeptProcess("cat", []);
    const run = () => runProgram("true", [], { timeoutMs: 5000 });
    await run();
    const open = [];
    try { for (;;) open.push(openSync("/dev/null", "r")); } catch {}
    const outcomes = await Promise.allSettled([run(), kept.step(["x"], { timeoutMs: 5000 })]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const one of open) closeSync(one);
    console.log(...outcomes.map(({ reason }) => reason.message), (await run()).code);
  `;
  const { status, stdout, stderr } = spawnSync(
    "sh",
    ["-c", 'ulimit -n 64 && exec "$0" --input-type=module --eval "$1"', process.execPath, crowded],
    { encoding: "utf8" },
  );
  assert.equal(stderr, "");
  const words = (program: string): string => `${program} cannot be started: this process has as many open files as it may.`;
  assert.equal(stdout, `${words("true")} ${words("cat")} 0\n`);
  assert.equal(status, 0);
});
