import assert from "node:assert/strict";
import { CommandError, CommandTimeoutError, NotFoundError, StreamError, TagInUseError } from "capsuled";
import type { ProcessEvent, ProcessHandle } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { sdkCapsule } from "../harness/sdk.ts";
import { waitUntil } from "../harness/wait.ts";

behaviour("exec.result", async () => {
  await using capsule = await sdkCapsule();
  const result = await capsule.commands.run("echo out; echo err >&2; exit 3");
  const { stdout, stderr, exit_code, reason, ok, signal } = result;
  assert.deepEqual(
    { stdout, stderr, exit_code, reason, ok, signal },
    { stdout: "out\n", stderr: "err\n", exit_code: 3, reason: "exited", ok: false, signal: null },
  );
  assert.ok(result.duration_ms >= 0 && result.pid !== null && result.id.startsWith("pr-"));
  const killed = await capsule.commands.run("kill -9 $$");
  assert.deepEqual([killed.exit_code, killed.signal, killed.reason], [137, "SIGKILL", "signaled"]);
});

behaviour("exec.or-throw", async () => {
  await using capsule = await sdkCapsule();
  const result = await capsule.commands.run("exit 0");
  assert.equal(result.orThrow(), result);
  const bad = await capsule.commands.run("echo because >&2; exit 9");
  assert.throws(
    () => bad.orThrow(),
    (error: Error) => error instanceof CommandError && error.result === bad && error.message.includes("because"),
  );
});

behaviour("exec.shell", async () => {
  await using capsule = await sdkCapsule();
  const { stdout } = await capsule.commands.run(`X='a b'; printf '%s|' "$X" | tr a-z A-Z; echo "$((1 + 2))"`);
  assert.equal(stdout, "A B|3\n");
});

behaviour("exec.args", async () => {
  await using capsule = await sdkCapsule();
  const args = ["-c", "import sys; print(sys.argv[1:])", "a b", "$HOME", "'", "ü"];
  assert.equal((await capsule.commands.exec("python3", args)).stdout, `['a b', '$HOME', "'", 'ü']\n`);
});

behaviour("exec.surroundings", async () => {
  await using capsule = await sdkCapsule();
  const result = await capsule.commands.run("pwd; echo $NAME; cat", { cwd: "/tmp", envs: { NAME: "value" }, stdin: "typed" });
  assert.equal(result.stdout, "/tmp\nvalue\ntyped");
  const bytes = await capsule.commands.exec("sha256sum", [], { stdin: Uint8Array.of(0, 255, 10) });
  assert.match(bytes.stdout, /^2b9d5c0cd97ed8e6a1d1bc4ab1f9d3a1|^[0-9a-f]{64}/);
});

behaviour("exec.not-utf8", async () => {
  await using capsule = await sdkCapsule();
  const result = await capsule.commands.run("printf 'a\\377\\000b'");
  assert.deepEqual([...result.bytes("stdout")], [97, 255, 0, 98]);
  assert.equal(result.stdout, "a\uFFFD\0b");
});

behaviour("exec.not-found", async () => {
  await using capsule = await sdkCapsule();
  const result = await capsule.commands.exec("no-such-program");
  assert.deepEqual([result.exit_code, result.reason, result.pid], [127, "spawn_failed", null]);
});

behaviour("exec.timeout", async () => {
  await using capsule = await sdkCapsule();
  await assert.rejects(capsule.commands.run("echo before; sleep 600", { timeout: 1, tag: "slow" }), (error: Error) => {
    assert.ok(error instanceof CommandTimeoutError);
    assert.equal(error.details["stdout"], "before\n");
    return true;
  });
  assert.equal((await capsule.commands.info("slow")).reason, "timed_out");
});

behaviour("exec.long", async () => {
  await using capsule = await sdkCapsule();
  const result = await capsule.commands.run("echo one; sleep 0.2; echo two >&2; exit 5", { timeout: 0 });
  assert.deepEqual([result.stdout, result.stderr, result.exit_code, result.reason], ["one\n", "two\n", 5, "exited"]);
  await assert.rejects(capsule.commands.run("sleep 600", { timeout: 241, signal: AbortSignal.timeout(500) }), { name: "TimeoutError" });
  const missing = await capsule.commands.exec("no-such-program", [], { timeout: 0 });
  assert.deepEqual([missing.exit_code, missing.reason], [127, "spawn_failed"]);
});

behaviour("exec.abort", async () => {
  await using capsule = await sdkCapsule();
  const abort = new AbortController();
  const running = capsule.commands.run("echo $$ > /tmp/pid; sleep 600", { signal: abort.signal, tag: "given-up" });
  running.catch(() => {});
  await waitUntil(async () => ((await capsule.commands.run("cat /tmp/pid")).ok ? true : undefined), { what: "the command's start" });
  abort.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
  const facts = await waitUntil(
    async () => {
      const found = await capsule.commands.info("given-up");
      return found.running ? undefined : found;
    },
    { what: "the command's end" },
  );
  assert.equal(facts.reason, "killed");
});

behaviour("stream.events", async () => {
  await using capsule = await sdkCapsule();
  const events: ProcessEvent[] = [];
  for await (const event of capsule.commands.stream("python3", [
    "-c",
    "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(4)",
  ])) {
    events.push(event);
  }
  const [start] = events;
  assert.ok(start?.type === "start" && start.pid > 0 && start.id.startsWith("pr-"));
  const text = (type: "stdout" | "stderr"): string => events.map((event) => (event.type === type ? event.data : "")).join("");
  assert.deepEqual([text("stdout"), text("stderr")], ["out\n", "err\n"]);
  const last = events.at(-1);
  assert.ok(last?.type === "exit");
  assert.deepEqual([last.exit_code, last.reason, last.verified], [4, "exited", true]);
});

behaviour("stream.text", async () => {
  await using capsule = await sdkCapsule();
  const program = "import os,time\nfor b in '→ü'.encode() + b'\\xff':\n os.write(1, bytes([b])); time.sleep(0.02)";
  let text = "";
  const bytes: number[] = [];
  for await (const event of capsule.commands.stream("python3", ["-c", program])) {
    if (event.type !== "stdout") continue;
    text += event.data;
    bytes.push(...event.bytes);
  }
  assert.equal(text, "→ü\uFFFD");
  assert.deepEqual(bytes, [0xe2, 0x86, 0x92, 0xc3, 0xbc, 0xff]);
});

behaviour("stream.stdin", async () => {
  await using capsule = await sdkCapsule();
  const stream = capsule.commands.stream("cat; echo end", { stdin: true });
  await stream.write("one\n");
  await stream.write(Uint8Array.of(0xff, 10));
  await stream.closeStdin();
  const bytes: number[] = [];
  for await (const event of stream) if (event.type === "stdout") bytes.push(...event.bytes);
  assert.deepEqual(bytes, [...Buffer.from("one\n"), 0xff, 10, ...Buffer.from("end\n")]);
});

behaviour("stream.stop", async () => {
  await using capsule = await sdkCapsule();
  const stream = capsule.commands.stream("trap 'echo stopping; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  let text = "";
  for await (const event of stream) {
    if (event.type === "stdout") text += event.data;
    if (event.type === "stdout" && event.data === "ready\n") await stream.stop();
    if (event.type === "exit") assert.equal(event.reason, "exited");
  }
  assert.equal(text, "ready\nstopping\n");
});

behaviour("stream.abort", async () => {
  await using capsule = await sdkCapsule();
  const ended = (tag: string): Promise<string | null> =>
    waitUntil(
      async () => {
        const { running, reason } = await capsule.commands.info(tag);
        return running ? undefined : reason;
      },
      { what: `the end of ${tag}` },
    );
  for await (const event of capsule.commands.stream("echo x; sleep 600", { tag: "left" })) if (event.type === "stdout") break;
  assert.equal(await ended("left"), "killed");
  const abort = new AbortController();
  const aborted = async (): Promise<void> => {
    for await (const event of capsule.commands.stream("echo x; sleep 600", { tag: "aborted", signal: abort.signal }))
      if (event.type === "stdout") abort.abort(new Error("enough"));
  };
  await assert.rejects(aborted(), /enough/);
  assert.equal(await ended("aborted"), "killed");
  for await (const event of capsule.commands.stream("echo x; sleep 600", { tag: "goes-on", onLeave: "continue" }))
    if (event.type === "stdout") break;
  assert.equal((await capsule.commands.info("goes-on")).running, true);
});

behaviour("stream.spawn-failed", async () => {
  await using capsule = await sdkCapsule();
  await assert.rejects(
    capsule.commands.stream("no-such-program", []).next(),
    (error: Error) => error instanceof StreamError && error.code === "spawn_failed",
  );
});

behaviour("background.handle", async () => {
  await using capsule = await sdkCapsule();
  const handle = await capsule.commands.exec("sleep", ["600"], { background: true });
  assert.ok(handle.pid > 0 && handle.tag.startsWith("bg-") && handle.id.startsWith("pr-"));
  await capsule.commands.run("sleep 600", { background: true, tag: "mine" });
  await assert.rejects(capsule.commands.run("sleep 600", { background: true, tag: "mine" }), TagInUseError);
});

behaviour("background.wait", async () => {
  await using capsule = await sdkCapsule();
  const handle = await capsule.commands.run("head -c 3000000 /dev/zero | tr '\\0' x; sleep 0.2; echo err >&2; exit 7", {
    background: true,
  });
  const result = await handle.wait();
  assert.deepEqual([result.exit_code, result.stdout.length, result.stderr, result.stdout_truncated], [7, 3_000_000, "err\n", false]);
  assert.deepEqual([result.id, result.pid], [handle.id, handle.pid]);
  await assert.rejects(capsule.commands.exec("no-such-program", [], { background: true }), CommandError);
});

behaviour("background.kill", async () => {
  await using capsule = await sdkCapsule();
  const start = (): Promise<ProcessHandle> =>
    capsule.commands.run("setsid sleep 600 & trap 'exit 0' TERM; echo up; wait", { background: true });
  for (const kill of ["handle", "pid", "tag"] as const) {
    const handle = await start();
    if (kill === "handle") await handle.kill();
    else await capsule.commands.kill(handle[kill]);
    assert.equal((await handle.wait()).reason, "killed");
  }
  const asked = await start();
  for await (const event of asked.connect()) if (event.type === "stdout") break;
  await asked.kill("SIGTERM");
  assert.equal((await asked.wait()).requested?.signal, "SIGTERM");
  await waitUntil(async () => ((await capsule.commands.list()).some(({ cmd }) => cmd.includes("sleep")) ? undefined : true), {
    what: "the end of every tree",
  });
  await assert.rejects(capsule.commands.kill("no-such"), NotFoundError);
});

behaviour("background.list", async () => {
  await using capsule = await sdkCapsule();
  const handle = await capsule.commands.exec("sleep", ["600"], { background: true, tag: "sleeper" });
  const found = (await capsule.commands.list()).find(({ tag }) => tag === "sleeper");
  assert.deepEqual([found?.pid, found?.cmd, found?.args, found?.id], [handle.pid, "sleep", ["600"], handle.id]);
});

behaviour("background.connect", async () => {
  await using capsule = await sdkCapsule();
  const first = await capsule.commands.run("mkfifo /tmp/go; (echo 1; cat /tmp/go; echo 2)", { background: true });
  const selectors = [first.pid, first.tag, first.id];
  for (const selector of selectors) {
    for await (const event of capsule.commands.connect(selector)) {
      if (event.type === "start") assert.equal(event.id, first.id);
      if (event.type === "stdout") {
        assert.equal(event.data, "1\n");
        break;
      }
    }
  }
  const now = capsule.commands.connect(first.tag, { from: "now" });
  await now.started;
  await capsule.commands.run("echo go > /tmp/go");
  let text = "";
  for await (const event of now) if (event.type === "stdout") text += event.data;
  assert.equal(text, "go\n2\n");
  let rest = "";
  for await (const event of first.connect({ from: 2 })) if (event.type === "stdout") rest += event.data;
  assert.equal(rest, "go\n2\n");
});

behaviour("background.ended", async () => {
  await using capsule = await sdkCapsule();
  const handle = await capsule.commands.run("echo late; exit 6", { background: true });
  await handle.wait();
  const types: string[] = [];
  for await (const event of capsule.commands.connect(handle.id))
    types.push(event.type === "exit" ? `exit ${event.exit_code} ${event.verified}` : event.type);
  assert.deepEqual(types, ["start", "stdout", "exit 6 true"]);
  await assert.rejects(capsule.commands.connect("pr-0000000000000000000000000").next(), NotFoundError);
});

behaviour("background.output", async () => {
  await using capsule = await sdkCapsule();
  const handle = await capsule.commands.run("printf 0123456789; printf err >&2; sleep 600", { background: true });
  const whole = await waitUntil(
    async () => {
      const range = await handle.output();
      return range.total === 10 ? range : undefined;
    },
    { what: "the output" },
  );
  assert.deepEqual([whole.text, whole.from, whole.next, whole.gap_bytes, whole.ended], ["0123456789", 0, 10, 0, false]);
  assert.equal((await handle.output({ from: 3, limit: 4 })).text, "3456");
  await handle.kill();
  await handle.wait();
  const after = await capsule.commands.output(handle.pid, { stream: "stderr" });
  assert.deepEqual([after.text, after.ended], ["err", true]);
});
