import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { WebSocket } from "ws";
import { IDS, KEYS } from "../testing/fake-services.ts";
import type { SocketClient } from "../testing/socket-client.ts";
import { connect } from "../testing/socket-client.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";

const path = `/v1/capsules/${IDS.running}/exec/stream`;
const RECORD = 64 * 1024;
/** More than the server's own bound and what both kernels' buffers take. */
const FLOOD_MAX = 64 * 1024 * 1024;

async function started(world: World): Promise<SocketClient> {
  const client = await connect(world, path);
  client.send({ type: "start", cmd: "yes" });
  assert.equal((await client.next()).type, "start");
  return client;
}

/** Prints numbered records until the server asks for a pause; returns how many. */
async function flood(world: World): Promise<number> {
  const { stream } = world.services;
  let records = 0;
  while (!stream.isPaused) {
    assert.ok(records * RECORD < FLOOD_MAX, "the server never asked for a pause");
    stream.print(
      "stdout",
      String(records)
        .padStart(8, "0")
        .repeat(RECORD / 8),
    );
    records += 1;
    await setImmediate();
  }
  return records;
}

test("a client that does not read pauses the process within a bound; once it reads again nothing is lost or doubled", async () => {
  await using world = await createWorld();
  const client = await started(world);
  client.socket.pause();
  const records = await flood(world);
  assert.ok(records * RECORD < FLOOD_MAX);
  client.socket.resume();
  await world.services.stream.called("resume");
  world.services.stream.exit();
  assert.equal(await client.closed, 1000);
  const text = client.messages.flatMap((message) => (message.type === "stdout" ? [message.data] : [])).join("");
  assert.equal(
    text,
    Array.from({ length: records }, (_, index) =>
      String(index)
        .padStart(8, "0")
        .repeat(RECORD / 8),
    ).join(""),
  );
  const sequence = client.messages.flatMap((message) =>
    message.type === "stdout" ? [[message.first_seq ?? message.seq, message.seq]] : [],
  );
  for (const [index, [first]] of sequence.entries()) assert.equal(first, index === 0 ? 1 : (sequence[index - 1]?.[1] ?? 0) + 1);
});

test("a client that reads nothing for too long is let go, and so is the process", async () => {
  await using world = await createWorld({ limits: { stallMs: 1_000, laggardCloseMs: 40 } });
  const client = await started(world);
  client.socket.pause();
  const seen = world.socketClosed();
  await flood(world);
  await seen;
  await world.services.stream.called("close");
  client.socket.terminate();
});

test("a stalled client that wakes up learns why it is let go: slow_consumer and 4000", async () => {
  await using world = await createWorld({ limits: { stallMs: 1_000, closeMs: 40, laggardCloseMs: 10_000 } });
  const client = await started(world);
  client.socket.pause();
  await flood(world);
  // The server gives up between the stall's bound and the close's; its error waits in the connection.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  client.socket.resume();
  assert.equal(await client.closed, 4000);
  const error = client.messages.at(-1);
  assert.ok(error?.type === "error" && error.code === "slow_consumer");
});

test("the agent's own verdict on a slow reader closes with 4000 as well", async () => {
  await using world = await createWorld();
  const client = await started(world);
  world.services.stream.emit({ kind: "failed", code: "slow_consumer", message: "too slow" });
  assert.equal(await client.closed, 4000);
});

test("stop is heard while output waits", async () => {
  await using world = await createWorld();
  const client = await started(world);
  client.socket.pause();
  await flood(world);
  client.send({ type: "stop" });
  await world.services.stream.called("cancel stopped 5000");
  client.socket.terminate();
});

test("small records that wait leave as one message that names the first and the last", async () => {
  await using world = await createWorld();
  const client = await started(world);
  for (let count = 0; count < 100; count += 1) world.services.stream.print("stdout", `${count}\n`);
  world.services.stream.print("stderr", "!");
  world.services.stream.exit();
  await client.closed;
  const output = client.messages.filter((message) => message.type === "stdout" || message.type === "stderr");
  assert.equal(
    output
      .filter(({ type }) => type === "stdout")
      .map(({ data }) => data)
      .join(""),
    Array.from({ length: 100 }, (_, count) => `${count}\n`).join(""),
  );
  assert.ok(output.length < 20, `${output.length} messages`);
  assert.deepEqual(output[1] === undefined ? null : [output[1].first_seq, output[1].seq], [2, 100]);
  assert.equal(output.at(-1)?.seq, 101);
});

test("a client that acknowledges is sent no more than the window beyond it, however much its socket takes, and the rest as it goes on", async () => {
  await using world = await createWorld({ limits: { ackWindowChars: 1024 * 1024 } });
  const client = await connect(world, path);
  client.send({ type: "start", cmd: "yes" });
  const start = await client.next();
  assert.ok(start.type === "start" && start.window === 1024 * 1024);
  client.send({ type: "ack", seq: 0 });
  await world.services.stream.called("resume");
  world.services.stream.calls.splice(0);
  const first = await flood(world);
  assert.ok(first * RECORD > 1024 * 1024 && first * RECORD <= 1024 * 1024 + 2 * RECORD, `${first} records`);
  client.send({ type: "ack", seq: Math.floor(first / 2) });
  await world.services.stream.called("resume");
  world.services.stream.calls.splice(0);
  const second = await flood(world);
  assert.ok(second > 0 && second <= first / 2 + 2, `${second} records`);
  client.send({ type: "ack", seq: 1_000_000 });
  await world.services.stream.called("resume");
  world.services.stream.exit();
  assert.equal(await client.closed, 1000);
  const chars = client.messages.reduce((sum, message) => sum + (message.type === "stdout" ? message.data.length : 0), 0);
  assert.equal(chars, (first + second) * RECORD);
});

test("a peer that answers no ping is dead after two; one that answers stays", async () => {
  await using world = await createWorld({ limits: { pingMs: 200 } });
  const options = { headers: { "x-api-key": KEYS.member }, perMessageDeflate: false };
  const silent = new WebSocket(world.url.replace("http", "ws") + path, { ...options, autoPong: false });
  const answering = await connect(world, path);
  assert.deepEqual((await once(silent, "close")).slice(0, 1), [1006]);
  for (let beats = 0; beats < 4; beats += 1) await once(answering.socket, "ping");
  assert.equal(answering.socket.readyState, WebSocket.OPEN);
  answering.socket.terminate();
});

test("a peer that does not answer the close is cut off", async () => {
  await using world = await createWorld({ limits: { closeMs: 30 } });
  const client = await started(world);
  client.socket.pause();
  const seen = world.socketClosed();
  world.services.stream.exit();
  await seen;
  client.socket.terminate();
});
