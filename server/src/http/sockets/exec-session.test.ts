import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fail } from "../../core/fail.ts";
import { AgentRefusal } from "../../core/ports/agent-link.ts";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import type { StartInput } from "../../core/process/service.ts";
import { StartRefused } from "../../core/process/service.ts";
import { IDS, KEYS } from "../testing/fake-services.ts";
import { FakeStream } from "../testing/fake-stream.ts";
import type { SocketClient } from "../testing/socket-client.ts";
import { connect } from "../testing/socket-client.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";

const path = `/v1/capsules/${IDS.running}/exec/stream`;
const start = { type: "start", cmd: "tail", args: ["-f"] };

/** A socket whose process has started. */
async function started(world: World, message: object = start): Promise<SocketClient> {
  const client = await connect(world, path);
  client.send(message);
  assert.equal((await client.next()).type, "start");
  return client;
}

function startWith(world: World, begin: (input: StartInput) => Promise<ProcessStream>): void {
  world.services.processes.prepareStream = async () => ({ start: begin });
}

test("start, output, exit and a proper close, exactly as documented", async () => {
  await using world = await createWorld();
  const client = await connect(world, `/api${path}`);
  const { stream } = world.services;
  client.send(start);
  await stream.called("onEvent");
  stream.print("stdout", "step 1\n");
  stream.print("stderr", "warning\n");
  stream.exit({ exitCode: 3 });
  assert.equal(await client.closed, 1000);
  assert.deepEqual(client.messages[0], {
    type: "start",
    pid: 42,
    id: stream.started.id,
    tag: "bg-a1b2c3d4",
    next_seq: 1,
    window: 2 * 1024 * 1024,
  });
  assert.deepEqual(client.messages[1], { type: "stdout", data: "step 1\n", seq: 1 });
  assert.deepEqual(client.messages[2], { type: "stderr", data: "warning\n", seq: 2 });
  const exit = client.messages[3];
  assert.ok(exit?.type === "exit");
  assert.deepEqual([exit.exit_code, exit.seq, exit.stdout_bytes, exit.reason], [3, 3, 7, "exited"]);
  assert.equal(client.messages.length, 4);
  assert.equal(stream.calls.includes("close"), false);
});

test("what start asks for reaches the use case", async () => {
  await using world = await createWorld();
  const asked = Promise.withResolvers<StartInput>();
  startWith(world, async (input) => {
    asked.resolve(input);
    return world.services.stream;
  });
  const message = {
    type: "start",
    cmd: "a",
    args: ["b"],
    envs: { A: "1" },
    cwd: "/tmp",
    timeout: 5,
    tag: "t",
    on_disconnect: "kill",
    stdin: true,
    encoding: "base64",
    surprise: 1,
  };
  const client = await started(world, message);
  const { surprise: _dropped, ...known } = message;
  const input = await asked.promise;
  for (const [name, value] of Object.entries(known))
    assert.deepEqual(Object.entries(input).find(([key]) => key === name)?.[1], value, name);
  client.socket.terminate();
});

test("a character cut between records arrives whole, one never finished as U+FFFD before the exit", async () => {
  await using world = await createWorld();
  const client = await started(world);
  const { stream } = world.services;
  const euro = Buffer.from("€");
  stream.print("stdout", Buffer.concat([Buffer.from("a"), euro.subarray(0, 2)]));
  stream.print("stdout", euro.subarray(2), euro.subarray(0, 2));
  stream.print("stderr", euro.subarray(0, 1));
  stream.exit({ stderrTail: euro.subarray(0, 1) });
  await client.closed;
  const texts = client.messages.flatMap((message) =>
    message.type === "stdout" || message.type === "stderr" ? [`${message.type} ${message.seq} ${message.data}`] : [],
  );
  assert.deepEqual(texts, ["stdout 1 a", "stdout 2 €", "stderr 4 \ufffd"]);
  assert.equal(client.messages.at(-1)?.type, "exit");
});

for (const [nextSeq, flushed] of [
  [3, "\ufffd"],
  [4, ""],
] as const) {
  const gets = flushed === "" ? "does not get" : "gets";
  test(`a character that was never finished belongs to the end, number 3: a reader from number ${nextSeq} ${gets} its U+FFFD`, async () => {
    await using world = await createWorld();
    const stream = new FakeStream({ nextSeq });
    startWith(world, async () => stream);
    const client = await started(world);
    stream.exit({ seq: 3, stdoutTail: Uint8Array.of(0xe2, 0x82) });
    await client.closed;
    assert.equal(client.messages.map((message) => (message.type === "stdout" ? message.data : "")).join(""), flushed);
  });
}

test("base64 gives every byte back", async () => {
  await using world = await createWorld();
  const client = await started(world, { ...start, encoding: "base64" });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  world.services.stream.print("stdout", bytes.subarray(0, 100));
  world.services.stream.print("stdout", bytes.subarray(100));
  world.services.stream.exit();
  await client.closed;
  const data = client.messages.flatMap((message) =>
    message.type === "stdout" && message.encoding === "base64" ? [Buffer.from(message.data, "base64")] : [],
  );
  assert.deepEqual(Buffer.concat(data), bytes);
});

test("a gap is stated in bytes", async () => {
  await using world = await createWorld();
  const client = await started(world);
  world.services.stream.emit({ kind: "gap", fromSeq: 2, toSeq: 9, stdoutBytes: 100, stderrBytes: 5 });
  assert.deepEqual(await client.next(), { type: "gap", from_seq: 2, seq: 9, stdout_bytes: 100, stderr_bytes: 5 });
  client.socket.terminate();
});

test("stop asks for the end with a grace, and the exit follows", async () => {
  await using world = await createWorld();
  const client = await started(world);
  client.send({ type: "stop" });
  await world.services.stream.called("cancel stopped 5000");
  world.services.stream.exit({ reason: "stopped", signal: "SIGTERM", exitCode: 143 });
  assert.equal(await client.closed, 1000);
  const exit = client.messages.at(-1);
  assert.ok(exit?.type === "exit" && exit.reason === "stopped");
});

test("a stop that comes before the process has started ends it once it has", async () => {
  await using world = await createWorld();
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<ProcessStream>();
  startWith(world, () => {
    entered.resolve();
    return release.promise;
  });
  const client = await connect(world, path);
  client.send(start);
  client.send({ type: "stop" });
  await entered.promise;
  client.socket.ping();
  await once(client.socket, "pong");
  release.resolve(world.services.stream);
  await world.services.stream.called("cancel stopped 5000");
  client.socket.terminate();
});

test("a client that leaves lets go of the process; with on_disconnect kill it ends it", async () => {
  for (const [message, calls] of [
    [start, ["close"]],
    [{ ...start, on_disconnect: "kill" }, ["cancel client_gone 0", "close"]],
  ] as const) {
    await using world = await createWorld();
    const client = await started(world, message);
    client.socket.terminate();
    await world.services.stream.called("close");
    assert.deepEqual(
      world.services.stream.calls.filter((call) => call !== "onEvent"),
      calls,
    );
  }
});

test("a client that leaves while the process is being started leaves nothing attached", async () => {
  await using world = await createWorld();
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<ProcessStream>();
  startWith(world, () => {
    entered.resolve();
    return release.promise;
  });
  const client = await connect(world, path);
  client.send({ ...start, on_disconnect: "kill" });
  await entered.promise;
  const seen = world.socketClosed();
  client.socket.terminate();
  await seen;
  release.resolve(world.services.stream);
  await world.services.stream.called("close");
  assert.deepEqual(world.services.stream.calls, ["cancel client_gone 0", "close"]);
});

test("stdin flows as text and base64, and closes", async () => {
  await using world = await createWorld();
  const client = await started(world, { ...start, stdin: true });
  client.send({ type: "stdin", data: "zażółć\n" });
  client.send({ type: "stdin", data: "AP8=", encoding: "base64" });
  client.send({ type: "stdin_close" });
  await world.services.stream.called("closeStdin");
  assert.deepEqual(Buffer.concat(world.services.stream.stdin), Buffer.concat([Buffer.from("zażółć\n"), Buffer.from([0, 255])]));
  client.send({ type: "stdin", data: "late" });
  const error = await client.next();
  assert.ok(error.type === "error" && error.code === "bad_message");
  client.socket.terminate();
});

test("stdin beyond what the process has not taken is dropped with stdin_full, and flows again once it has", async () => {
  await using world = await createWorld({ limits: { stdinBytesMax: 10 } });
  const client = await started(world, { ...start, stdin: true });
  client.send({ type: "stdin", data: "12345678" });
  client.send({ type: "stdin", data: "too much" });
  const error = await client.next();
  assert.ok(error.type === "error" && error.code === "stdin_full");
  world.services.stream.emit({ kind: "stdin_room", bytes: 8 });
  client.send({ type: "stdin", data: "0123456789" });
  client.send({ type: "stdin_close" });
  await world.services.stream.called("closeStdin");
  assert.equal(Buffer.concat(world.services.stream.stdin).toString(), "123456780123456789");
  client.socket.terminate();
});

test("stdin without stdin: true, or in broken base64, is an error message and nothing more", async () => {
  await using world = await createWorld();
  const client = await started(world);
  client.send({ type: "stdin", data: "x" });
  const refused = await client.next();
  assert.ok(refused.type === "error" && refused.code === "bad_message");
  world.services.stream.print("stdout", "still here");
  assert.equal((await client.next()).type, "stdout");
  client.socket.terminate();

  await using open = await createWorld();
  const second = await started(open, { ...start, stdin: true });
  second.send({ type: "stdin", data: "no base64!", encoding: "base64" });
  const broken = await second.next();
  assert.ok(broken.type === "error" && broken.code === "bad_message");
  assert.deepEqual(open.services.stream.stdin, []);
  second.socket.terminate();
});

test("a program that cannot start and a missing cwd are error messages with a normal close", async () => {
  for (const [thrown, code, close] of [
    [new StartRefused("spawn_failed", "nosuch: not found"), "spawn_failed", 1000],
    [new StartRefused("cwd_not_found", "/nowhere: no such directory"), "cwd_not_found", 1000],
    [fail("tag_in_use"), "tag_in_use", 1000],
    [new AgentRefusal("process_limit", "x", null), "process_limit", 1000],
    [new TypeError("secret"), "internal_error", 1011],
  ] as const) {
    await using world = await createWorld();
    startWith(world, () => Promise.reject(thrown));
    const client = await connect(world, path);
    client.send(start);
    assert.equal(await client.closed, close);
    const [error] = client.messages;
    assert.ok(error?.type === "error" && error.code === code);
    assert.equal(error.data.includes("secret"), false);
  }
});

test("a wrong first message is an error and 4002: junk, another type, a bad field, binary", async () => {
  for (const message of [
    "junk",
    "{}",
    "null",
    "[]",
    { type: "stop" },
    { type: "start" },
    { type: "start", cmd: "" },
    { type: "start", cmd: "a", args: "b" },
  ]) {
    await using world = await createWorld();
    const client = await connect(world, path);
    client.send(message);
    assert.equal(await client.closed, 4002);
    const [error] = client.messages;
    assert.ok(error?.type === "error" && error.code === "bad_first_message", JSON.stringify(message));
  }
  await using world = await createWorld();
  const client = await connect(world, path);
  client.socket.send(Buffer.from(JSON.stringify(start)));
  assert.equal(await client.closed, 4002);
});

test("a start that crosses with the close begins nothing: after a wrong first message, a revoked key, and while the server stops", async () => {
  const closes: readonly (readonly [number, (world: World, client: SocketClient) => void])[] = [
    [4002, (_world, client) => client.send("junk")],
    [1008, (world) => world.services.revoke(`key-${"2".repeat(25)}`)],
    [1001, (world) => void world.server.close(2_000)],
  ];
  for (const [code, close] of closes) {
    await using world = await createWorld();
    let begun = 0;
    startWith(world, async () => {
      begun += 1;
      return world.services.stream;
    });
    const client = await connect(world, path);
    close(world, client);
    client.send(start);
    assert.equal(await client.closed, code);
    assert.equal(begun, 0, String(code));
  }
});

test("no first message in time is an error and 4003", async () => {
  await using world = await createWorld({ limits: { firstMessageMs: 20 } });
  const client = await connect(world, path);
  assert.equal(await client.closed, 4003);
  assert.ok(client.messages[0]?.type === "error" && client.messages[0].code === "first_message_late");
});

test("junk later is an error message and the stream goes on; 16 of it close with 4002", async () => {
  await using world = await createWorld();
  const client = await started(world);
  for (let count = 0; count < 15; count += 1) client.send(count % 2 === 0 ? "junk" : { type: "start", cmd: "again" });
  for (let count = 0; count < 15; count += 1) {
    const error = await client.next();
    assert.ok(error.type === "error" && error.code === "bad_message");
  }
  world.services.stream.print("stdout", "still here");
  assert.equal((await client.next()).type, "stdout");
  client.socket.send(Buffer.from("binary"));
  assert.equal(await client.closed, 4002);
  await world.services.stream.called("close");
});

test("a message larger than a message may be closes with 1009", async () => {
  await using world = await createWorld();
  const client = await started(world, { ...start, stdin: true });
  client.send({ type: "stdin", data: "x".repeat(1024 * 1024) });
  assert.equal(await client.closed, 1009);
  await world.services.stream.called("close");
});

test("an agent that is lost is an error and 1011; with its capsule gone it is capsule_gone and 4001", async () => {
  for (const [gone, code, close] of [
    [false, "agent_error", 1011],
    [true, "capsule_gone", 4001],
  ] as const) {
    await using world = await createWorld();
    const client = await started(world);
    if (gone) world.services.capsuleGone();
    world.services.stream.emit({ kind: "failed", code: "lost", message: "connection reset" });
    assert.equal(await client.closed, close);
    const error = client.messages.at(-1);
    assert.ok(error?.type === "error" && error.code === code);
  }
});

test("a capsule that goes while a socket waits for its start closes it with 4001", async () => {
  await using world = await createWorld();
  const client = await connect(world, path);
  world.services.capsuleGone();
  assert.equal(await client.closed, 4001);
});

test("revoking the key closes its sockets with 1008 and no others", async () => {
  await using world = await createWorld();
  const mine = await connect(world, path);
  const others = await connect(world, path, { "x-api-key": KEYS.admin });
  world.services.revoke(`key-${"2".repeat(25)}`);
  assert.equal(await mine.closed, 1008);
  others.send(start);
  assert.equal((await others.next()).type, "start");
  others.socket.terminate();
});

test("a server that stops closes with 1001 and lets go of the process without ending it", async () => {
  await using world = await createWorld();
  const client = await started(world);
  const closed = world.server.close(2_000);
  assert.equal(await client.closed, 1001);
  await closed;
  await world.services.stream.called("close");
  assert.equal(
    world.services.stream.calls.some((call) => call.startsWith("cancel")),
    false,
  );
});
