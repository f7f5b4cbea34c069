import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { createLauncher } from "./launcher.ts";
import type { RunProgram } from "./run-program.ts";
import { runProgram } from "./run-program.ts";
import { testOptions } from "./testing/oci-world.ts";

const { launcherBinary } = testOptions("/nowhere", "test");
const launcher = createLauncher(launcherBinary);
after(() => launcher.close());

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const WAYS: readonly (readonly [string, RunProgram])[] = [
  ["by this process", runProgram],
  ["by a launcher", (program, args, options) => launcher.run(program, args, options)],
];

for (const [way, run] of WAYS) {
  test(`started ${way}, a program that has ended is done though a descendant holds its streams`, { timeout: 30_000 }, async () => {
    const outcome = await run("sh", ["-c", "sleep 20 & echo $!; exit 3"], { timeoutMs: 15_000 });
    process.kill(Number(outcome.stdout), "SIGKILL");
    assert.equal(outcome.code, 3);
  });

  test(`started ${way}, an aborted program is ended before the call fails`, { timeout: 30_000 }, async () => {
    const abort = new AbortController();
    let pid = 0;
    const running = run("sh", ["-c", "echo $$; exec sleep 20"], {
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

  test(`started ${way}, a program that took too long says so in its words`, { timeout: 30_000 }, async () => {
    const { code, stderr } = await run("sh", ["-c", "echo working >&2; exec sleep 20"], { timeoutMs: 2000 });
    assert.equal(code, 128);
    assert.match(stderr, /^working\nended by SIGKILL after \d+ ms$/);
  });

  test(`started ${way}, a program blocks no signal and ignores none: a daemon that it starts hears SIGTERM at the host's shutdown`, async () => {
    const { stdout } = await run("grep", ["-E", "^Sig(Blk|Ign):", "/proc/self/status"], { timeoutMs: 5000 });
    assert.match(stdout, /^SigBlk:\t0+\nSigIgn:\t0+\n$/);
  });

  test(`started ${way}, a program that is not there is what the call fails with`, async () => {
    await assert.rejects(run("no-such-program", [], { timeoutMs: 5000 }), { code: "ENOENT", message: "spawn no-such-program ENOENT" });
  });

  test(`started ${way}, a program reads all of its input, and of what it says as much is kept as was asked for and all is told`, async () => {
    const input = "0123456é\n".repeat(30_000);
    let told = 0;
    const whole = await run("cat", [], { input, timeoutMs: 30_000, outputBytes: 1 << 20 });
    assert.deepEqual([whole.code, whole.stdout === input], [0, true]);
    const some = await run("sh", ["-c", "cat; echo $LC_ALL $OWN >&2"], {
      input,
      timeoutMs: 30_000,
      outputBytes: 9,
      env: { OWN: "own" },
      onOutput: (text) => (told += text.length),
    });
    assert.deepEqual([some.stdout, some.stderr], ["0123456é", "C own"]);
    assert.ok(told > 200_000, `${told} characters`);
    const silent = await run("cat", [], { input, timeoutMs: 30_000, outputBytes: 0 });
    assert.deepEqual([silent.code, silent.stdout], [0, ""]);
  });

  test(`started ${way}, a program that reads nothing is judged by its end, and writes into a broken pipe as into any`, async () => {
    const { code, stderr } = await run("sh", ["-c", "yes | head -n 1; kill -s PIPE $$"], { input: "x".repeat(200_000), timeoutMs: 30_000 });
    assert.equal(code, 128);
    assert.match(stderr, /^ended by SIGPIPE after/);
  });
}

test(
  "a program ends with the launcher that started it, and what it has put into the background goes on",
  { timeout: 30_000 },
  async (t) => {
    const own = createLauncher(launcherBinary);
    t.after(() => own.close());
    let said = "";
    const running = own.run("sh", ["-c", "(setsid sleep 20 > /dev/null 2>&1 & echo $!); echo $$; exec sleep 20"], {
      timeoutMs: 20_000,
      onOutput: (text) => {
        said += text;
        if (said.split("\n").length === 3) void own.close();
      },
    });
    await assert.rejects(running, /The launcher ended/);
    const [background = 0, program = 0] = said.split("\n").map(Number);
    while (isRunning(program)) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(isRunning(background));
    process.kill(background, "SIGKILL");
  },
);

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
