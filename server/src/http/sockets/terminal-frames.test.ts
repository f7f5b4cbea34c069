import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { OpenTerminal } from "../../core/process/service.ts";
import { IDS, KEYS } from "../testing/fake-services.ts";
import { FakeStream } from "../testing/fake-stream.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";
import { SOCKET_LIMITS } from "./limits.ts";

const HTTPX = "python-httpx/0.28.1";
const FOREVER = { framesWaitMs: 2 ** 30 };

interface Viewer extends AsyncDisposable {
  readonly world: World;
  readonly stream: FakeStream;
  readonly socket: WebSocket;
  /** What came: binary frames as text after `bytes`, messages by what they carry. */
  readonly frames: readonly string[];
  readonly closed: Promise<unknown>;
  has(count: number): Promise<void>;
}

/** A viewer whose terminal is open. */
async function view(userAgent: string, first: object = {}, limits: Partial<typeof SOCKET_LIMITS> = FOREVER): Promise<Viewer> {
  const world = await createWorld({ limits });
  const stream = new FakeStream({ tag: "pty-0a1b2c3d", pty: { cols: 80, rows: 24 } });
  const open = async (): Promise<OpenTerminal> => ({ stream, showFrom: 0 });
  world.services.processes.prepareTerminal = async () => ({ start: open, connect: open });
  const headers = { "x-api-key": KEYS.member, "user-agent": userAgent };
  const socket = new WebSocket(`${world.url.replace("http", "ws")}/v1/capsules/${IDS.running}/pty`, { headers });
  const frames: string[] = [];
  socket.on("message", (data, isBinary) => {
    const text = Buffer.isBuffer(data) ? data.toString() : "";
    frames.push(isBinary ? `bytes ${text}` : told(JSON.parse(text)));
  });
  const closed = once(socket, "close");
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "start", ...first }));
  await stream.called("onEvent");
  return {
    world,
    stream,
    socket,
    frames,
    closed,
    async has(count) {
      while (frames.length < count) await once(socket, "message");
    },
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await world[Symbol.asyncDispose]();
    },
  };
}

function told(message: unknown): string {
  assert.ok(typeof message === "object" && message !== null && "type" in message);
  const data =
    "data" in message
      ? ` ${message.type === "output" ? Buffer.from(String(message.data), "base64").toString() : String(message.data)}`
      : "";
  return `${String(message.type)}${data}`;
}

const input = (text: string): string => JSON.stringify({ type: "input", data: Buffer.from(text).toString("base64") });

test("who types in binary frames gets output in binary frames, and every byte of both", async () => {
  await using viewer = await view(HTTPX);
  viewer.stream.print("stdout", "prompt");
  viewer.socket.send(Buffer.from([0, 255, 13]));
  await viewer.has(2);
  viewer.stream.print("stdout", "more");
  viewer.stream.exit();
  await viewer.closed;
  assert.deepEqual(viewer.frames, ["started", "bytes prompt", "bytes more", "exit"]);
  assert.deepEqual(Buffer.concat(viewer.stream.stdin), Buffer.from([0, 255, 13]));
});

test("who types in messages gets output in messages, whatever client it is", async () => {
  await using viewer = await view(HTTPX);
  viewer.stream.print("stdout", "prompt");
  viewer.socket.send(input("x"));
  await viewer.has(2);
  viewer.stream.exit();
  await viewer.closed;
  assert.deepEqual(viewer.frames, ["started", "output prompt", "exit"]);
});

test("the documented client that types nothing gets binary frames once it has had the time to, its end included", async () => {
  await using viewer = await view(HTTPX, {}, { framesWaitMs: 20 });
  viewer.stream.print("stdout", "prompt");
  viewer.stream.exit();
  await viewer.closed;
  assert.deepEqual(viewer.frames, ["started", "bytes prompt", "exit"]);
});

test("any other client gets messages at once, until it types in binary frames", async () => {
  await using viewer = await view("other/1.0");
  viewer.stream.print("stdout", "prompt");
  await viewer.has(2);
  viewer.socket.send(Buffer.from("x"));
  while (viewer.stream.stdin.length === 0) await viewer.stream.called("sendStdin");
  viewer.stream.print("stdout", "more");
  viewer.stream.exit();
  await viewer.closed;
  assert.deepEqual(viewer.frames, ["started", "output prompt", "bytes more", "exit"]);
});

test("a client that says how gets it so, however it types", async () => {
  await using json = await view(HTTPX, { frames: "json" });
  json.socket.send(Buffer.from("x"));
  await json.stream.called("sendStdin");
  json.stream.print("stdout", "a");
  await json.has(2);
  assert.deepEqual(json.frames, ["started", "output a"]);
  await using binary = await view("other/1.0", { frames: "binary" });
  binary.socket.send(input("x"));
  await binary.stream.called("sendStdin");
  binary.stream.print("stdout", "a");
  await binary.has(2);
  assert.deepEqual(binary.frames, ["started", "bytes a"]);
});

test("a gap before binary frames is told in bytes, and ends nothing", async () => {
  await using viewer = await view("other/1.0", { frames: "binary" });
  viewer.stream.emit({ kind: "gap", fromSeq: 1, toSeq: 4, stdoutBytes: 1234, stderrBytes: 0 });
  viewer.stream.print("stdout", "a");
  await viewer.has(3);
  assert.deepEqual(viewer.frames, ["started", "error 1234 bytes before what follows are not kept any more.", "bytes a"]);
});

test("answers to pings are no junk, however many", async () => {
  await using viewer = await view("other/1.0");
  for (let n = 0; n <= SOCKET_LIMITS.junkMax; n += 1) viewer.socket.send(JSON.stringify({ type: "pong" }));
  viewer.socket.send(input("x"));
  await viewer.stream.called("sendStdin");
  viewer.stream.exit();
  await viewer.closed;
  assert.deepEqual(viewer.frames, ["started", "exit"]);
});
