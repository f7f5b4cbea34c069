import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { CLOSE_CODES, LIMITS, PROCESS_ID } from "@capsuled/contract";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { attach, openSocket, refusedUpgrade, startStream } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const path = (id = capsule.id): string => `/v1/capsules/${id}/exec/stream`;

/** What is left running of a marked command. */
async function running(marker: string): Promise<number> {
  return (await capsule.processes()).filter(({ args }) => args.includes(marker)).length;
}

test("start, stdout, stderr and exit come as documented, then a proper close frame", async () => {
  await using stream = await startStream(capsule.id, { cmd: "sh", args: ["-c", "echo one; echo two >&2; exit 7"] });
  const exit = await stream.message("exit");
  assert.deepEqual(await stream.closed, { code: CLOSE_CODES.done, reason: (await stream.closed).reason });
  const [start] = stream.messages;
  assert.ok(start?.type === "start" && start.pid > 1);
  assert.match(start.id, PROCESS_ID);
  assert.match(start.tag, /^bg-[0-9a-f]{8}$/);
  assert.equal(stream.text("stdout"), "one\n");
  assert.equal(stream.text("stderr"), "two\n");
  assert.deepEqual([exit.exit_code, exit.reason, exit.stdout_bytes, exit.stderr_bytes], [7, "exited", 4, 4]);
  assert.equal(stream.messages.at(-1)?.type, "exit");
});

test("output arrives as it is produced, not at the end", async () => {
  await using stream = await startStream(capsule.id, { cmd: "sh", args: ["-c", "echo first; read line; echo $line"], stdin: true });
  await stream.printed((text) => text === "first\n");
  stream.send({ type: "stdin", data: "second\n" });
  await stream.message("exit");
  assert.equal(stream.text(), "first\nsecond\n");
});

test("sequence numbers are dense from 1 over both streams, the exit included", async () => {
  await using stream = await startStream(capsule.id, {
    cmd: "sh",
    args: ["-c", "for i in 1 2 3 4 5; do echo $i; echo $i >&2; sleep 0.01; done"],
  });
  await stream.message("exit");
  let next = 1;
  for (const message of stream.messages) {
    if (message.type !== "stdout" && message.type !== "stderr" && message.type !== "exit") continue;
    const first = "first_seq" in message && message.first_seq !== undefined ? message.first_seq : message.seq;
    assert.equal(first, next);
    next = message.seq + 1;
  }
});

test("envs, cwd, tag and timeout work as in exec", async () => {
  await using stream = await startStream(capsule.id, {
    cmd: "sh",
    args: ["-c", "echo $V; pwd; sleep 100"],
    envs: { V: "v" },
    cwd: "/workspace",
    tag: "streamed",
    timeout: 1,
  });
  const exit = await stream.message("exit");
  assert.equal(stream.text(), "v\n/workspace\n");
  assert.deepEqual([exit.reason, exit.exit_code, exit.signal], ["timed_out", 137, "SIGKILL"]);
  assert.equal((await stream.message("start")).tag, "streamed");
});

test("stop terminates the tree by SIGTERM, and the exit follows", async () => {
  await using stream = await startStream(capsule.id, { cmd: "sh", args: ["-c", "setsid sleep 871 & echo up; exec sleep 871"] });
  await stream.printed((text) => text === "up\n");
  stream.send({ type: "stop" });
  const exit = await stream.message("exit");
  assert.deepEqual([exit.signal, exit.exit_code, exit.reason], ["SIGTERM", 143, "stopped"]);
  assert.equal((await stream.closed).code, CLOSE_CODES.done);
  // The exit is the first process's: the others have their signal too, and end when their turn comes.
  await waitUntil(async () => ((await running("871")) === 0 ? true : undefined), { what: "the end of its tree" });
});

test("stop on a process that ignores SIGTERM ends it by SIGKILL after a grace", { timeout: 300_000 }, async () => {
  await using stream = await startStream(capsule.id, { cmd: "sh", args: ["-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"] });
  await stream.printed((text) => text === "up\n");
  stream.send({ type: "stop" });
  const exit = await stream.message("exit");
  assert.deepEqual([exit.signal, exit.reason], ["SIGKILL", "stopped"]);
});

test("a client that goes leaves the process running, and its output can be had again", async () => {
  await using stream = await startStream(capsule.id, {
    cmd: "sh",
    args: ["-c", "echo 1; while [ ! -e /root/go ]; do sleep 0.02; done; echo 2"],
    tag: "left",
  });
  await stream.printed((text) => text === "1\n");
  stream.socket.terminate();
  await stream.closed;
  await capsule.sh("touch /root/go");
  await using again = await attach(capsule.id, "left", "?from=start");
  await again.message("exit");
  assert.equal(again.text(), "1\n2\n");
  await capsule.sh("rm /root/go");
});

test("on_disconnect kill ends the whole tree with its client", async () => {
  await using stream = await startStream(capsule.id, {
    cmd: "sh",
    args: ["-c", "setsid sleep 872 & echo up; exec sleep 872"],
    on_disconnect: "kill",
  });
  await stream.printed((text) => text === "up\n");
  stream.socket.terminate();
  await waitUntil(async () => ((await running("872")) === 0 ? true : undefined), { what: "their end", timeoutMs: 30_000 });
});

test("what cannot start is an error message and a proper close", async () => {
  for (const [start, code] of [
    [{ cmd: "no-such-program" }, "spawn_failed"],
    [{ cmd: "/etc/passwd" }, "spawn_failed"],
    [{ cmd: "true", cwd: "/nowhere" }, "cwd_not_found"],
  ] as const) {
    await using stream = await startStream(capsule.id, start);
    const error = await stream.message("error");
    assert.equal(error.code, code);
    assert.notEqual(error.data, "");
    assert.equal((await stream.closed).code, CLOSE_CODES.done);
    assert.ok(!stream.messages.some(({ type }) => type === "start"));
  }
});

test("stdin is /dev/null unless asked for; then it takes text and base64 until it is closed", async () => {
  await using none = await startStream(capsule.id, { cmd: "sh", args: ["-c", "readlink /proc/self/fd/0; cat"] });
  await none.message("exit");
  assert.equal(none.text(), "/dev/null\n");
  await using stream = await startStream(capsule.id, { cmd: "cat", stdin: true, encoding: "base64" });
  await stream.message("start");
  stream.send({ type: "stdin", data: "é" });
  stream.send({ type: "stdin", data: Buffer.from([0, 255, 10]).toString("base64"), encoding: "base64" });
  stream.send({ type: "stdin_close" });
  await stream.message("exit");
  const bytes = Buffer.concat(
    stream.messages.map((message) => (message.type === "stdout" ? Buffer.from(message.data, "base64") : Buffer.alloc(0))),
  );
  assert.deepEqual(bytes, Buffer.concat([Buffer.from("é"), Buffer.from([0, 255, 10])]));
});

test("megabytes of stdin pass through in order", async () => {
  await using stream = await startStream(capsule.id, { cmd: "sha256sum", stdin: true });
  await stream.message("start");
  const hash = createHash("sha256");
  const block = "0123456789abcdef".repeat(4096);
  for (let n = 0; n < 8; n++) {
    hash.update(block);
    stream.send({ type: "stdin", data: block });
  }
  stream.send({ type: "stdin_close" });
  await stream.message("exit");
  const refused = stream.messages.find((message) => message.type === "error");
  assert.equal(refused, undefined);
  assert.equal(stream.text(), `${hash.digest("hex")}  -\n`);
});

test("stdin with offsets is taken once, over whichever stream and however often it comes, and acknowledged", async () => {
  await using first = await startStream(capsule.id, { cmd: "cat", stdin: true });
  const { id, stdin } = await first.message("start");
  assert.deepEqual(stdin, { bytes: 0, closed: false });
  first.send({ type: "stdin", data: "hello ", offset: 0 });
  assert.deepEqual(await first.message("stdin_ack", ({ bytes }) => bytes === 6), { type: "stdin_ack", bytes: 6 });
  await using second = await attach(capsule.id, id, "?from=start");
  assert.deepEqual((await second.message("start")).stdin, { bytes: 6, closed: false });
  second.send({ type: "stdin", data: "lo world", offset: 3 });
  await second.message("stdin_ack", ({ bytes }) => bytes === 11);
  first.send({ type: "stdin", data: "hello world", offset: 0 });
  second.send({ type: "stdin", data: "beyond", offset: 12 });
  await second.message("error", ({ code }) => code === "stdin_gap");
  second.send({ type: "stdin_close", offset: 12 });
  second.send({ type: "stdin", data: "!", offset: 11 });
  await second.message("stdin_ack", ({ bytes }) => bytes === 12);
  second.send({ type: "stdin_close", offset: 12 });
  await second.message("exit");
  assert.equal(second.text(), "hello world!");
});

test("stdin that nobody reads is refused at its bound, and stop still arrives", async () => {
  await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["1000"], stdin: true });
  await stream.message("start");
  const block = "x".repeat(512 * 1024);
  for (let n = 0; n < 6; n++) stream.send({ type: "stdin", data: block });
  await stream.message("error", ({ code }) => code === "stdin_full");
  stream.send({ type: "stop" });
  assert.equal((await stream.message("exit")).reason, "stopped");
});

test("text never splits a character, however the process writes it", async () => {
  const program = "import sys,time\nb='aé😀漢'.encode()*40\nfor x in b:\n sys.stdout.buffer.write(bytes([x]));sys.stdout.flush()\n";
  await using stream = await startStream(capsule.id, { cmd: "python3", args: ["-c", program] });
  await stream.message("exit");
  assert.equal(stream.text(), "aé😀漢".repeat(40));
  assert.ok(stream.messages.every((message) => message.type !== "stdout" || (message.data !== "" && !message.data.includes("\uFFFD"))));
});

test("base64 is lossless for every byte", async () => {
  await using stream = await startStream(capsule.id, {
    cmd: "python3",
    args: ["-c", "import sys;sys.stdout.buffer.write(bytes(range(256))*1000)"],
    encoding: "base64",
  });
  await stream.message("exit");
  const bytes = Buffer.concat(
    stream.messages.map((message) => (message.type === "stdout" ? Buffer.from(message.data, "base64") : Buffer.alloc(0))),
  );
  assert.equal(bytes.length, 256_000);
  assert.ok(bytes.every((byte, n) => byte === n % 256));
});

test("a stalled reader is not lost a byte of: 64 MiB arrive whole and in order", { timeout: 300_000 }, async () => {
  const bytes = 64 * 1024 * 1024;
  const program = `import os,sys,time\nwhile not os.path.exists('/root/flow'): time.sleep(0.02)\nb=(''.join('%015d\\n'%n for n in range(4096))).encode()\nfor _ in range(${bytes / 65_536}): sys.stdout.buffer.write(b)`;
  await using stream = await startStream(capsule.id, { cmd: "python3", args: ["-c", program] });
  const { id } = await stream.message("start");
  stream.socket.pause();
  await capsule.sh("touch /root/flow");
  const printed = async (): Promise<number> =>
    (await expectCall("getProcessOutput", 200, { params: { id: capsule.id, selector: id }, query: { limit: "1" } })).total;
  await waitUntil(async () => ((await printed()) > bytes / 4 ? true : undefined), { what: "it to run into the stall" });
  stream.socket.resume();
  const exit = await stream.message("exit", () => true, 50_000);
  assert.equal(exit.stdout_bytes, bytes);
  const text = stream.text();
  assert.equal(text.length, bytes);
  assert.equal(
    createHash("sha256").update(text).digest("hex"),
    createHash("sha256")
      .update(
        Array.from({ length: 4096 }, (_, n) => `${String(n).padStart(15, "0")}\n`)
          .join("")
          .repeat(bytes / 65_536),
      )
      .digest("hex"),
  );
});

test("status errors come as HTTP before the upgrade: 401, 404, 409, and 426 without an upgrade", async () => {
  assert.equal((await refusedUpgrade(path(), { key: null })).status, 401);
  assert.equal((await refusedUpgrade(path(), { key: "wrn_0000000000000000000000000000000000000000" })).status, 401);
  assert.equal((await refusedUpgrade(path("cl-0000000000000000000000000"))).status, 404);
  assert.equal((await refusedUpgrade(path("nonsense"))).status, 404);
  assert.equal((await refusedUpgrade("/v1/no/such/socket")).status, 404);
  await using paused = await newCapsule();
  await paused.pause();
  const refused = await refusedUpgrade(path(paused.id));
  assert.equal(refused.status, 409);
  assert.match(refused.body, /"invalid_state"/);
  await expectError("execStream", "upgrade_required", { params: { id: capsule.id } });
});

test("a page of another origin cannot open a socket", async () => {
  const refused = await refusedUpgrade(path(), { headers: { origin: "https://evil.example" } });
  assert.equal(refused.status, 403);
});

test("a wrong first message is an error message and close 4002", async () => {
  const wrong: readonly (string | Buffer)[] = [
    "",
    "not json",
    "[]",
    "null",
    '{"type":"stop"}',
    '{"type":"start"}',
    '{"type":"start","cmd":""}',
    '{"type":"start","cmd":"a\\u0000b"}',
    '{"type":"nothing"}',
    Buffer.from('{"type":"start","cmd":"true"}'),
    Buffer.from([0, 1, 2, 255]),
  ];
  for (const first of wrong) {
    await using stream = await openSocket(path());
    stream.send(first);
    await stream.message("error");
    assert.equal((await stream.closed).code, CLOSE_CODES.bad_first_message, JSON.stringify(first));
  }
});

test("junk after the start is an error message, and the process and the connection go on", async () => {
  await using stream = await startStream(capsule.id, { cmd: "cat", stdin: true });
  await stream.message("start");
  stream.send("junk");
  await stream.message("error", ({ code }) => code === "bad_message");
  stream.send({ type: "stdin", data: "still here\n" });
  stream.send({ type: "stdin_close" });
  await stream.message("exit");
  assert.equal(stream.text(), "still here\n");
});

test("a message over the limit closes with 1009", async () => {
  await using stream = await startStream(capsule.id, { cmd: "cat", stdin: true });
  await stream.message("start");
  stream.send("x".repeat(LIMITS.socketMessageBytesMax + 1024));
  assert.equal((await stream.closed).code, CLOSE_CODES.too_big);
  await expectCall("killProcess", 204, { params: { id: capsule.id, selector: String((await stream.message("start")).id) } });
});

test("a socket that never says what to start is closed with 4003 after 10 s", { timeout: 300_000 }, async () => {
  await using stream = await openSocket(path());
  const began = performance.now();
  assert.equal((await stream.closed).code, CLOSE_CODES.first_message_late);
  assert.ok(performance.now() - began > 9000);
});

test("destroying the capsule closes its open streams with 4001 or the process's exit", async () => {
  const other = await newCapsule();
  await using stream = await startStream(other.id, { cmd: "sleep", args: ["1000"] });
  await stream.message("start");
  await other[Symbol.asyncDispose]();
  const closed = await stream.closed;
  const exit = stream.messages.find((message) => message.type === "exit");
  assert.ok(closed.code === CLOSE_CODES.capsule_gone || exit?.reason === "capsule_destroyed", JSON.stringify([closed, stream.messages]));
});
