import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { LIMITS, PROCESS_ID } from "@capsuled/contract";
import { call, expectCall, expectError, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { pidsInCapsule } from "../harness/host.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule({ memory_mb: 1024 });
});
after(() => capsule[Symbol.asyncDispose]());

const at = (): { readonly params: { readonly id: string } } => ({ params: { id: capsule.id } });

test("a foreground command answers with its output, exit code and facts", async () => {
  const result = await capsule.sh("echo out; echo err >&2; exit 3");
  assert.equal(result.stdout, "out\n");
  assert.equal(result.stderr, "err\n");
  assert.equal(result.exit_code, 3);
  assert.equal(result.encoding, "utf-8");
  assert.equal(result.reason, "exited");
  assert.equal(result.signal, null);
  assert.equal(result.requested, null);
  assert.equal(result.stdout_bytes, 4);
  assert.equal(result.stderr_bytes, 4);
  assert.equal(result.stdout_truncated, false);
  assert.match(result.id, PROCESS_ID);
  assert.ok(result.duration_ms >= 0 && result.duration_ms < 60_000);
});

test("death by a signal is exit code 128 + its number, and says which", async () => {
  const killed = await capsule.sh("kill -9 $$");
  assert.deepEqual([killed.exit_code, killed.signal, killed.reason], [137, "SIGKILL", "signaled"]);
  const terminated = await capsule.sh("kill -TERM $$");
  assert.deepEqual([terminated.exit_code, terminated.signal, terminated.reason], [143, "SIGTERM", "signaled"]);
});

test("a process starts as root in /root with a sane environment and nothing of the host's", async () => {
  const { stdout } = await capsule.sh("id -u; pwd; env | sort");
  const [uid, cwd, ...env] = stdout.trim().split("\n");
  assert.equal(uid, "0");
  assert.equal(cwd, "/root");
  const names = env.map((line) => line.split("=")[0]).filter((name) => !["_", "SHLVL", "OLDPWD"].includes(name ?? ""));
  assert.deepEqual(names, ["HOME", "LOGNAME", "PATH", "PWD", "USER"]);
  assert.ok(env.includes("HOME=/root"));
});

test("arguments, variables and cwd arrive byte for byte, without a shell between", async () => {
  const args = ["a b", "", "$HOME", "`id`", "*", "'\"\\", "\n\t", "é😀", "-n", "\u0001"];
  const program = "import sys,os,json;print(json.dumps([sys.argv[1:],os.environ['V'],os.getcwd()]))";
  const result = await capsule.exec({ cmd: "python3", args: ["-c", program, ...args], envs: { V: " $x\n=é" }, cwd: "/usr/lib" });
  assert.deepEqual(JSON.parse(result.stdout), [args, " $x\n=é", "/usr/lib"]);
});

test("a relative cwd and ~ mean the home directory; a missing one is a 400 that names it", async () => {
  await capsule.sh("mkdir -p /root/sub");
  assert.equal((await capsule.sh("pwd", { cwd: "sub" })).stdout, "/root/sub\n");
  assert.equal((await capsule.sh("pwd", { cwd: "~" })).stdout, "/root\n");
  for (const cwd of ["/no/such/dir", "/etc/passwd"]) {
    const error = await expectError("exec", "invalid_request", { ...at(), body: { cmd: "true", cwd } });
    assert.ok(JSON.stringify(error).includes("cwd"), JSON.stringify(error));
  }
});

test("a command that does not exist is a 200 with 127, one that cannot be executed with 126, both with a message", async () => {
  for (const background of [false, true]) {
    const missing = await expectCall("exec", 200, { ...at(), body: { cmd: "no-such-program", background } });
    assert.deepEqual([missing.exit_code, missing.reason, missing.pid, missing.stdout], [127, "spawn_failed", null, ""]);
    assert.match(missing.stderr, /no-such-program/);
    await capsule.sh("printf '#!/no/such/interpreter\\n' >/tmp/script; chmod +x /tmp/script");
    const orphan = await expectCall("exec", 200, { ...at(), body: { cmd: "/tmp/script", background } });
    assert.equal(orphan.exit_code, 127);
    assert.match(orphan.stderr, /^capsuled: \/tmp\/script: command not found \(.*interpreter/);
    const forbidden = await expectCall("exec", 200, { ...at(), body: { cmd: "/etc/passwd", background } });
    assert.deepEqual([forbidden.exit_code, forbidden.reason], [126, "spawn_failed"]);
    assert.notEqual(forbidden.stderr, "");
  }
  assert.equal((await expectCall("exec", 200, { ...at(), body: { cmd: "/no/such/path" } })).exit_code, 127);
  assert.equal((await expectCall("exec", 200, { ...at(), body: { cmd: "/usr" } })).exit_code, 126);
});

test("output that is not UTF-8 comes as base64, and both streams when one is not", async () => {
  const binary = await capsule.python("import sys;sys.stdout.buffer.write(bytes(range(256)));sys.stderr.write('text')");
  assert.equal(binary.encoding, "base64");
  assert.deepEqual(Buffer.from(binary.stdout, "base64"), Buffer.from(Array.from({ length: 256 }, (_, n) => n)));
  assert.equal(Buffer.from(binary.stderr, "base64").toString(), "text");
  const asked = await capsule.sh("echo é", { encoding: "base64" });
  assert.equal(asked.encoding, "base64");
  assert.equal(Buffer.from(asked.stdout, "base64").toString(), "é\n");
  const unicode = await capsule.python("print('é😀\\u0000')");
  assert.deepEqual([unicode.encoding, unicode.stdout], ["utf-8", "é😀\u0000\n"]);
});

test("megabytes of output arrive whole", async () => {
  const result = await capsule.python("import sys;[sys.stdout.write('%07d\\n'%n) for n in range(500000)]");
  assert.equal(result.stdout_bytes, 4_000_000);
  assert.equal(result.stdout_truncated, false);
  const lines = result.stdout.split("\n");
  assert.equal(lines.length, 500_001);
  assert.ok(lines.slice(0, -1).every((line, n) => Number(line) === n));
});

test("output beyond the server's bound is cut at a character, and said so, and counted whole", async () => {
  const max = 16 * 1024 * 1024;
  const result = await capsule.python("import sys\nfor _ in range(300): sys.stdout.write('x' + 'é' * 32768)");
  assert.equal(result.stdout_truncated, true);
  assert.equal(result.stdout_bytes, 300 * 65_537);
  assert.equal(result.encoding, "utf-8");
  const bytes = Buffer.byteLength(result.stdout);
  assert.ok(bytes <= max && bytes > max - 4, `${bytes} bytes kept`);
  assert.ok(!result.stdout.includes("\uFFFD"));
});

test("stdin is /dev/null unless given; what is given arrives whole, as text or base64", async () => {
  assert.equal((await capsule.sh("cat; readlink /proc/self/fd/0")).stdout, "/dev/null\n");
  assert.equal((await capsule.exec({ cmd: "cat", stdin: "hällo\n" })).stdout, "hällo\n");
  const bytes = randomBytes(300_000);
  const result = await capsule.exec({ cmd: "cat", stdin: bytes.toString("base64"), stdin_encoding: "base64", encoding: "base64" });
  assert.ok(Buffer.from(result.stdout, "base64").equals(bytes));
  assert.equal(
    (await capsule.sh("exec 0<&-; echo done", { stdin: "x".repeat(200_000) })).stdout,
    "done\n",
    "one that does not read is not waited for",
  );
  await expectError("exec", "invalid_request", { ...at(), body: { cmd: "cat", stdin: "x", background: true } });
  await expectError("exec", "invalid_request", { ...at(), body: { cmd: "cat", stdin: "not base64!", stdin_encoding: "base64" } });
});

test("a timeout kills the whole tree and answers 504 with the output so far", async () => {
  const began = performance.now();
  const marker = `sleep 98${process.pid % 10}7`;
  const answer = await call("exec", {
    ...at(),
    body: {
      cmd: "sh",
      args: ["-c", `echo before; setsid sh -c '${marker} & ${marker}' & env -i setsid sh -c '${marker} &' ; ${marker}`],
      timeout: 1,
    },
  });
  assert.equal(answer.status, 504);
  const error = property(answer.body, "error");
  assert.equal(property(error, "code"), "timeout");
  assert.equal(property(property(error, "details"), "stdout"), "before\n");
  assert.equal(property(property(error, "details"), "reason"), "timed_out");
  assert.ok(performance.now() - began < 60_000, "nobody waited for a sleep");
  const left = await capsule.sh(`ps -eo args= | grep -c '^${marker}' || true`);
  assert.equal(left.stdout, "0\n", "every descendant is gone, also those of other sessions");
});

test("timeout and timeout_sec are one setting, 0 is none, and two different ones are refused", async () => {
  assert.equal((await call("exec", { ...at(), body: { cmd: "sleep", args: ["20"], timeout_sec: 1 } })).status, 504);
  assert.equal((await capsule.exec({ cmd: "sleep", args: ["0.2"], timeout: 0 })).exit_code, 0);
  assert.equal((await capsule.exec({ cmd: "true", timeout: 5, timeout_sec: 5 })).exit_code, 0);
  await expectError("exec", "invalid_request", { ...at(), body: { cmd: "true", timeout: 5, timeout_sec: 6 } });
});

test("when the client of a foreground command goes, its whole tree is killed", async () => {
  const marker = `97${process.pid % 10}3`;
  const abort = new AbortController();
  const running = call("exec", {
    ...at(),
    signal: abort.signal,
    body: { cmd: "sh", args: ["-c", `setsid sleep ${marker} & sleep ${marker}`], timeout: 0 },
  });
  const gone = assert.rejects(running, { name: "AbortError" });
  const count = async (): Promise<number> =>
    (await capsule.processes()).filter(({ args }) => args.includes(marker) && args.length === 1).length;
  await waitUntil(async () => ((await count()) === 2 ? true : undefined), { what: "both to run" });
  abort.abort();
  await gone;
  await waitUntil(async () => ((await count()) === 0 ? true : undefined), { what: "both to be killed", timeoutMs: 30_000 });
});

test("a foreground command that leaves a descendant with its output open ends all the same, and the descendant lives on", async () => {
  const began = performance.now();
  const result = await capsule.sh("sleep 943 & echo started");
  assert.deepEqual([result.stdout, result.exit_code], ["started\n", 0]);
  assert.ok(performance.now() - began < 60_000, "nobody waited for the descendant");
  // A child that was forked is its shell until it has become `sleep`.
  const left = async () => (await capsule.processes()).filter(({ args }) => args[0] === "943");
  const [descendant] = await waitUntil(async () => ((await left()).length > 0 ? left() : undefined), { what: "the descendant" });
  await expectCall("killProcess", 204, { params: { id: capsule.id, selector: String(descendant?.pid) } });
});

test("a background command answers 202 at once with its pid and a tag, keeps its variables and cwd, and goes on", async () => {
  const started = await capsule.background({
    cmd: "sh",
    args: ["-c", "echo $V $PWD > /root/bg; sleep 1000"],
    envs: { V: "v" },
    cwd: "/workspace",
  });
  assert.match(started.tag, /^bg-[0-9a-f]{8}$/);
  assert.match(started.id, PROCESS_ID);
  assert.equal(
    (await waitUntil(async () => (await capsule.sh("cat /root/bg 2>/dev/null")).stdout || undefined, { what: "the file" })).trim(),
    "v /workspace",
  );
  assert.ok((await capsule.processes()).some(({ pid, tag, id }) => pid === started.pid && tag === started.tag && id === started.id));
  await expectCall("killProcess", 204, { params: { id: capsule.id, selector: started.tag } });
});

test("a live tag cannot be taken twice, and is free again after the end", async () => {
  const first = await capsule.background({ cmd: "sleep", args: ["1000"], tag: "mine" });
  assert.equal(first.tag, "mine");
  await expectError("exec", "tag_in_use", { ...at(), body: { cmd: "true", tag: "mine" } });
  await expectCall("killProcess", 204, { params: { id: capsule.id, selector: "mine" } });
  await waitUntil(async () => ((await capsule.processes()).some(({ tag }) => tag === "mine") ? undefined : true), { what: "its end" });
  assert.equal((await capsule.exec({ cmd: "true", tag: "mine" })).exit_code, 0);
  for (const tag of ["123", "pr-x", "-a", "", "a b", "x".repeat(65), "a/b"]) {
    await expectError("exec", "invalid_request", { ...at(), body: { cmd: "true", tag } });
  }
});

test("bounds on a command are 400s that name the field, and what lies just within them works", async () => {
  const wrong: readonly Readonly<Record<string, unknown>>[] = [
    {},
    { cmd: "" },
    { cmd: 5 },
    { cmd: "a\0b" },
    { cmd: "x".repeat(LIMITS.pathCharsMax + 1) },
    { cmd: "true", args: "x" },
    { cmd: "true", args: [1] },
    { cmd: "true", args: ["a\0b"] },
    { cmd: "true", args: Array.from({ length: LIMITS.argsMax + 1 }, () => "") },
    { cmd: "true", args: ["x".repeat(LIMITS.argBytesMax + 1)] },
    { cmd: "true", args: Array.from({ length: 8 }, () => "x".repeat(120_000)) },
    { cmd: "true", envs: { A: 1 } },
    { cmd: "true", envs: { "": "x" } },
    { cmd: "true", cwd: "a\0" },
    { cmd: "true", timeout: -1 },
    { cmd: "true", timeout: 1.5 },
    { cmd: "true", timeout: LIMITS.timeoutSecMax + 1 },
    { cmd: "true", background: "yes" },
    { cmd: "true", encoding: "latin1" },
  ];
  for (const body of wrong) await expectError("exec", "invalid_request", { ...at(), body });
  const long = "x".repeat(LIMITS.argBytesMax);
  assert.equal(
    (await capsule.exec({ cmd: "sh", args: ["-c", "echo ${#1} $#", "sh", long, ...Array.from({ length: 100 }, () => "a")] })).stdout,
    `${LIMITS.argBytesMax} 101\n`,
  );
  assert.equal(
    (await capsule.exec({ cmd: "true", args: null, envs: null, cwd: null, timeout: null, tag: null })).exit_code,
    0,
    "null counts as left out",
  );
});

test("SIGPIPE ends what prints into nothing, as in any shell", async () => {
  const result = await capsule.exec({ cmd: "bash", args: ["-c", "yes | head -n 1; echo ${PIPESTATUS[0]}"] });
  assert.equal(result.stdout, "y\n141\n");
});

test("after all of this no process of ours is left in the capsule", async () => {
  await waitUntil(async () => ((await capsule.processes()).length === 0 ? true : undefined), { what: "an empty list" });
  assert.ok(pidsInCapsule(capsule.id).length < 16, "the agent and what it keeps ready");
});
