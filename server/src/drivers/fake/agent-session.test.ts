import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { CONNECTIONS_MAX } from "./agent.ts";
import { HELLO_MS, SERVER_LOST_MS } from "./agent-session.ts";
import { STALLED_READER_MS } from "./process.ts";
import { ENDED_FOREGROUND_MAX } from "./process-table.ts";
import { createFakeWorld, events, newId, SECRET, startSpec } from "./testing/fake-world.ts";

/** Lets `ms` of mocked time pass in which programs and pipes get on. */
async function elapse(t: TestContext, ms: number): Promise<void> {
  for (let n = 0; n < 200; n += 1) {
    t.mock.timers.tick(n === 100 ? ms : 0);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function frame(type: number, value: object): Buffer {
  const payload = Buffer.from(JSON.stringify(value));
  const header = Buffer.alloc(5);
  header.writeUInt8(type, 0);
  header.writeUInt32LE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

/** The types of the frames that come until the connection ends. */
async function typesUntilEnd(socket: Duplex): Promise<number[]> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  const bytes = Buffer.concat(chunks);
  const types: number[] = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt32LE(at + 1)) types.push(bytes.readUInt8(at));
  return types;
}

const LIST = 0x04;
const ERROR = 0x88;
const WELCOME = 0x81;

test("a peer that breaks the protocol hears an error and is closed", async () => {
  using world = await createFakeWorld();
  const hello = frame(0x01, { version: 1, capsule: world.capsuleId, secret: SECRET });
  const command = { id: newId("pr"), cmd: "sleep", args: ["100"], env: {}, cwd: "/", user: { uid: 0, gid: 0, groups: [] }, tag: "" };
  const manner = { attach: true, stdin: false, timeout_ms: 0, kill_grace_ms: 0, foreground: true, busy: false, on_disconnect: "kill" };
  const start = frame(0x02, { ...command, ...manner });
  const cases: readonly (readonly [string, Buffer[], number[]])[] = [
    ["no hello first", [frame(LIST, {})], [ERROR]],
    ["a wrong secret", [frame(0x01, { version: 1, capsule: world.capsuleId, secret: "0" })], [ERROR]],
    ["another version", [frame(0x01, { version: 9, capsule: world.capsuleId, secret: SECRET })], [ERROR]],
    ["hello twice", [hello, hello], [WELCOME, ERROR]],
    ["an unknown type", [hello, Buffer.from([0x7f])], [WELCOME, ERROR]],
    ["a request amid another", [hello, start, frame(LIST, {})], [WELCOME, 0x82, ERROR]],
  ];
  for (const [what, frames, expected] of cases) {
    const socket = await world.driver.openAgent(world.handle);
    socket.write(Buffer.concat(frames));
    assert.deepEqual(await typesUntilEnd(socket), expected, what);
  }
  assert.equal((await world.link.list()).length, 0, "the process of the broken connection was killed");
});

test("stray cancel and stdin frames between operations are not minded", async () => {
  using world = await createFakeWorld();
  const socket = await world.driver.openAgent(world.handle);
  const hello = frame(0x01, { version: 1, capsule: world.capsuleId, secret: SECRET });
  const stdin = Buffer.from([0x10, 1, 0, 0, 0, 0x78]);
  const cancel = frame(0x12, { reason: "client_gone", grace_ms: 0 });
  socket.write(Buffer.concat([hello, cancel, stdin, Buffer.from([0x11, 0, 0, 0, 0]), frame(LIST, {}), Buffer.from([0x7f])]));
  assert.deepEqual(await typesUntilEnd(socket), [WELCOME, 0x87, ERROR]);
});

test("a peer that does not say hello is closed in time", async (t) => {
  using world = await createFakeWorld();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const socket = await world.driver.openAgent(world.handle);
  const closed = typesUntilEnd(socket);
  t.mock.timers.tick(HELLO_MS);
  assert.deepEqual(await closed, []);
});

test(`more than ${CONNECTIONS_MAX} connections are closed unread`, async () => {
  using world = await createFakeWorld();
  for (let n = 0; n < CONNECTIONS_MAX; n += 1) await world.driver.openAgent(world.handle);
  const socket = await world.driver.openAgent(world.handle);
  assert.deepEqual(await typesUntilEnd(socket), []);
});

test("a reader that takes nothing for too long is cut off, and the process goes on", async (t) => {
  using world = await createFakeWorld({ journalBytes: 200_000 });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stalled = await world.link.open(startSpec("yes", ["1000000"], { foreground: false, tag: "loud" }));
  const all = events(stalled);
  stalled.pause();
  await elapse(t, STALLED_READER_MS - 1);
  assert.equal((await world.link.stats()).processes, 1, "it waits");
  await elapse(t, 1);
  assert.equal((await world.link.stats()).processes, 0, "it went on to its end");
  stalled.resume();
  const last = (await all).at(-1);
  assert.ok(last?.kind === "failed" && last.code === "slow_consumer");
});

test("a process whose grace connection is lost ends later with server_lost, unless it has a timeout", async (t) => {
  using world = await createFakeWorld();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const lost = await world.link.open(startSpec("sleep", ["1000"], { tag: "lost" }));
  const timed = await world.link.open(startSpec("sleep", ["1000"], { tag: "timed", timeoutMs: 3_600_000 }));
  const watcher = events(await world.link.attach("lost", "now"));
  lost.close();
  timed.close();
  await elapse(t, SERVER_LOST_MS);
  const end = (await watcher).at(-1);
  assert.ok(end?.kind === "exit" && end.reason === "server_lost");
  assert.deepEqual(
    (await world.link.list()).map((process) => process.tag),
    ["timed"],
  );
});

test(`the latest ${ENDED_FOREGROUND_MAX} foreground processes are kept after their end, no more`, async () => {
  using world = await createFakeWorld();
  const ids: string[] = [];
  for (let n = 0; n <= ENDED_FOREGROUND_MAX; n += 1) ids.push((await world.run("true")).started.id);
  await assert.rejects(world.link.attach(ids[0] ?? "", "start"), { code: "not_found" });
  assert.equal((await events(await world.link.attach(ids[1] ?? "", "start"))).at(-1)?.kind, "exit");
});
