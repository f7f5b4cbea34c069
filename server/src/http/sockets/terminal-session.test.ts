import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { terminalServerMessage } from "@capsuled/contract";
import type { TerminalServerMessage } from "@capsuled/contract";
import { WebSocket } from "ws";
import { fail } from "../../core/fail.ts";
import type { OpenTerminal, TerminalTarget } from "../../core/process/service.ts";
import { StartRefused } from "../../core/process/service.ts";
import { IDS, KEYS } from "../testing/fake-services.ts";
import { FakeStream } from "../testing/fake-stream.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";
import { SOCKET_LIMITS } from "./limits.ts";

const path = `/v1/capsules/${IDS.running}/pty`;

interface Viewer {
  readonly socket: WebSocket;
  readonly messages: readonly TerminalServerMessage[];
  readonly closed: Promise<number>;
  send(message: unknown): void;
  /** Resolves once so many messages have come. */
  has(count: number): Promise<void>;
}

const closeOf = (socket: WebSocket): Promise<number> => once(socket, "close").then(([code]) => Number(code));

async function view(world: World, first: unknown): Promise<Viewer> {
  const socket = new WebSocket(world.url.replace("http", "ws") + path, { headers: { "x-api-key": KEYS.member }, perMessageDeflate: false });
  const messages: TerminalServerMessage[] = [];
  socket.on("message", (data) => messages.push(terminalServerMessage.parse(JSON.parse(Buffer.isBuffer(data) ? data.toString() : "null"))));
  const closed = closeOf(socket);
  await once(socket, "open");
  const send = (message: unknown): void => socket.send(typeof message === "string" ? message : JSON.stringify(message));
  send(first);
  const has = async (count: number): Promise<void> => {
    while (messages.length < count) await once(socket, "message");
  };
  return { socket, messages, closed, send, has };
}

/** A world whose terminals are all this stream. */
async function worldOf(
  stream = new FakeStream({ tag: "pty-0a1b2c3d", pty: { cols: 80, rows: 24 } }),
  showFrom = 0,
  limits: Partial<typeof SOCKET_LIMITS> = {},
): Promise<World & { readonly stream: FakeStream }> {
  const world = await createWorld({ limits });
  const open = async (): Promise<OpenTerminal> => ({ stream, showFrom });
  script(world, { start: open, connect: open });
  return Object.assign(world, { stream });
}

function script(world: World, target: TerminalTarget): void {
  world.services.processes.prepareTerminal = async () => target;
}

const input = (text: string | Buffer): object => ({ type: "input", data: Buffer.from(text).toString("base64") });

test("start and connect both answer started, then output with its number, exit and a proper close", async () => {
  for (const first of [{ type: "start" }, { type: "connect", tag: "pty-0a1b2c3d" }]) {
    await using world = await worldOf();
    const { stream } = world;
    const viewer = await view(world, first);
    await stream.called("onEvent");
    stream.print("stdout", "% ");
    stream.exit({ exitCode: 3 });
    assert.equal(await viewer.closed, 1000);
    const [started, output, exit] = viewer.messages;
    assert.deepEqual(started, { type: "started", tag: "pty-0a1b2c3d", pid: 42, id: stream.started.id, cols: 80, rows: 24, next_seq: 1 });
    assert.deepEqual(output, { type: "output", data: Buffer.from("% ").toString("base64"), seq: 1 });
    assert.ok(exit?.type === "exit" && exit.exit_code === 3 && exit.seq === 2);
    assert.equal(viewer.messages.length, 3);
  }
});

test("a start's fields have the documented defaults, and null counts as left out", async () => {
  await using world = await worldOf();
  const { stream } = world;
  const asked = Promise.withResolvers<unknown>();
  const start = async (message: unknown): Promise<OpenTerminal> => (asked.resolve(message), { stream, showFrom: 0 });
  script(world, { start, connect: start });
  const viewer = await view(world, { type: "start", args: null, surprise: 1 });
  const message = await asked.promise;
  assert.deepEqual(JSON.parse(JSON.stringify(message)), { type: "start", cmd: "/bin/bash", cols: 80, rows: 24 });
  viewer.socket.terminate();
});

test("a large record comes in messages of at most 16 KiB, its number with the last; a gap is told in bytes", async () => {
  await using world = await worldOf();
  const { stream } = world;
  const viewer = await view(world, { type: "start" });
  await stream.called("onEvent");
  stream.emit({ kind: "gap", fromSeq: 1, toSeq: 4, stdoutBytes: 1234, stderrBytes: 0 });
  const bytes = Buffer.alloc(40_000, "abc");
  stream.print("stdout", bytes);
  stream.emit({ kind: "gap", fromSeq: 6, toSeq: 7, stdoutBytes: 5, stderrBytes: 0 });
  stream.exit();
  await viewer.closed;
  const outputs = viewer.messages.flatMap((message) => (message.type === "output" ? [message] : []));
  assert.deepEqual(
    outputs.map(({ seq }) => seq),
    [undefined, undefined, 1],
  );
  assert.deepEqual(
    outputs.map(({ gap_bytes }) => gap_bytes),
    [1234, undefined, undefined],
  );
  assert.ok(outputs.every(({ data }) => Buffer.from(data, "base64").length <= 16 * 1024));
  assert.deepEqual(Buffer.concat(outputs.map(({ data }) => Buffer.from(data, "base64"))), bytes);
  const exit = viewer.messages.at(-1);
  assert.ok(exit?.type === "exit" && exit.gap_bytes === 5);
});

test("scrollback that begins inside a record begins with a line where there is one", async () => {
  await using world = await worldOf(undefined, 6);
  const { stream } = world;
  const viewer = await view(world, { type: "connect", tag: "x" });
  await stream.called("onEvent");
  stream.print("stdout", "first\r\nsecond\r\nthird\r\n");
  stream.exit();
  await viewer.closed;
  const output = viewer.messages[1];
  assert.ok(output?.type === "output");
  assert.equal(Buffer.from(output.data, "base64").toString(), "second\r\nthird\r\n");
});

test("sizes and kill reach the terminal; sizes with a zero do not, absurd ones are refused and end nothing", async () => {
  await using world = await worldOf();
  const { stream } = world;
  const viewer = await view(world, { type: "start" });
  await stream.called("onEvent");
  for (const [cols, rows] of [
    [0, 40],
    [100, 0],
    [1001, 24],
    [-1, 24],
    [1e9, 1e9],
    [1000, 1000],
  ])
    viewer.send({ type: "resize", cols, rows });
  viewer.send({ type: "kill" });
  await stream.called("cancel stopped 0");
  assert.deepEqual(stream.calls, ["onEvent", "resize 1000 1000", "cancel stopped 0"]);
  await viewer.has(4);
  const errors = viewer.messages.flatMap((message) => (message.type === "error" ? [[message.code, message.fatal]] : []));
  assert.deepEqual(errors, [
    ["bad_message", undefined],
    ["bad_message", undefined],
    ["bad_message", undefined],
  ]);
  viewer.socket.terminate();
  await stream.called("close");
});

test("input beyond the window waits, then the socket is not read; all of it arrives in order once there is room", async () => {
  await using world = await worldOf(undefined, 0, { inputWindowBytes: 1000, inputQueueBytes: 4000 });
  const { stream } = world;
  const viewer = await view(world, { type: "start" });
  await stream.called("onEvent");
  const bytes = Buffer.from(Array.from({ length: 1_500_000 }, (_, n) => String.fromCharCode(97 + (n % 26))).join(""));
  for (let at = 0; at < bytes.length; at += 3000) viewer.send(input(bytes.subarray(at, at + 3000)));
  await stream.called("sendStdin");
  for (let turn = 0; turn < 200; turn += 1) await setImmediate();
  const sent = (): number => stream.stdin.reduce((sum, part) => sum + part.length, 0);
  assert.equal(sent(), 1000, "no more than the window is with the agent");
  assert.ok(viewer.socket.bufferedAmount > 0 || sent() === 1000);
  for (let taken = 0; taken < bytes.length;) {
    const more = sent() - taken;
    if (more === 0) {
      await setImmediate();
      continue;
    }
    taken += more;
    stream.emit({ kind: "stdin_room", bytes: more });
  }
  assert.ok(Buffer.concat(stream.stdin).equals(bytes));
  viewer.socket.terminate();
});

test("what is typed before the terminal is open reaches it in order, however much it is", async () => {
  await using world = await worldOf();
  const { stream } = world;
  const opened = Promise.withResolvers<OpenTerminal>();
  script(world, { start: () => opened.promise, connect: () => opened.promise });
  const viewer = await view(world, { type: "start" });
  const many = SOCKET_LIMITS.earlyMessagesMax * 3;
  for (let n = 0; n < many; n += 1) viewer.send(input(`${n},`));
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
  opened.resolve({ stream, showFrom: 0 });
  const all = Array.from({ length: many }, (_, n) => `${n},`).join("");
  while (Buffer.concat(stream.stdin).length < all.length) await setImmediate();
  assert.equal(Buffer.concat(stream.stdin).toString(), all);
  viewer.socket.terminate();
});

test("what cannot be opened is a fatal error and a close, at once", async () => {
  const cases: readonly (readonly [Error, string, number])[] = [
    [new StartRefused("terminal_not_found", "There is no terminal."), "terminal_not_found", 1000],
    [fail("tag_in_use"), "tag_in_use", 1000],
    [new Error("secret detail"), "internal_error", 1011],
  ];
  for (const [error, code, close] of cases) {
    await using world = await worldOf();
    script(world, { start: () => Promise.reject(error), connect: () => Promise.reject(error) });
    const viewer = await view(world, { type: "connect", tag: "pty-nosuch" });
    assert.equal(await viewer.closed, close);
    assert.equal(viewer.messages.length, 1);
    const [message] = viewer.messages;
    assert.ok(message?.type === "error" && message.fatal === true && message.code === code);
    assert.ok(!message.data.includes("secret"));
  }
});

test("a wrong first message, none in time, and a binary one close with their codes", async () => {
  const cases: readonly (readonly [string | Buffer, string, number])[] = [
    ["nonsense", "bad_first_message", 4002],
    ['{"type":"input","data":""}', "bad_first_message", 4002],
    ['{"type":"connect"}', "bad_first_message", 4002],
    [Buffer.from([0]), "bad_first_message", 4002],
  ];
  for (const [first, code, close] of cases) {
    await using world = await worldOf();
    const socket = new WebSocket(world.url.replace("http", "ws") + path, { headers: { "x-api-key": KEYS.member } });
    const messages: string[] = [];
    socket.on("message", (data) => messages.push(Buffer.isBuffer(data) ? data.toString() : ""));
    socket.on("open", () => socket.send(first));
    const closed = await closeOf(socket);
    assert.equal(closed, close);
    assert.ok(messages.length === 1 && messages[0]?.includes(code) && messages[0].includes('"fatal":true'));
  }
  await using world = await worldOf(undefined, 0, { firstMessageMs: 20 });
  const socket = new WebSocket(world.url.replace("http", "ws") + path, { headers: { "x-api-key": KEYS.member } });
  const closed = await closeOf(socket);
  assert.equal(closed, 4003);
});

test("the documented ping comes by itself", async () => {
  await using world = await worldOf(undefined, 0, { pingMs: 10 });
  const viewer = await view(world, { type: "start" });
  await viewer.has(3);
  assert.equal(viewer.messages.filter(({ type }) => type === "ping").length >= 1, true);
  viewer.socket.terminate();
});

test("a capsule that is gone, an agent that is lost and a reader that stalls are fatal errors with their codes", async () => {
  const cases = [
    ["lost", true, "capsule_gone", 4001],
    ["lost", false, "agent_error", 1011],
    ["slow_consumer", false, "slow_consumer", 4000],
  ] as const;
  for (const [failure, gone, code, close] of cases) {
    await using world = await worldOf();
    const viewer = await view(world, { type: "start" });
    await world.stream.called("onEvent");
    if (gone) world.services.capsuleGone();
    world.stream.emit({ kind: "failed", code: failure, message: "the pipe broke" });
    assert.equal(await viewer.closed, close);
    const last = viewer.messages.at(-1);
    assert.ok(last?.type === "error" && last.code === code && last.fatal === true, JSON.stringify(last));
  }
});
