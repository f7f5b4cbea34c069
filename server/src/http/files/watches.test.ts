import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { WATCH_ENDS, watchMessage } from "@capsuled/contract";
import { z } from "zod";
import type { WatchItem } from "../../core/file/directory-watch.ts";
import { FakeWatch } from "../testing/fake-watch.ts";
import { IDS, KEYS } from "../testing/fake-services.ts";
import { problemOf } from "../testing/problem-shape.ts";
import { refusedUpgrade } from "../testing/socket-client.ts";
import { watchBySocket } from "../testing/watch-client.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";

const files = `/v1/capsules/${IDS.running}/files`;
const socketPath = `${files}/watch?path=/root`;
const eventsPath = `${files}/watch/events?path=/root`;

/** The next watch is this one. */
function fake(world: World): FakeWatch {
  const watch = new FakeWatch();
  world.services.files.watch = async () => watch;
  return watch;
}

const news: readonly WatchItem[] = [
  { kind: "created", path: "/root/a\nb", isDirectory: true },
  { kind: "renamed", from: "/root/x", path: "/root/\ufffd", pathBase64: "L3Jvb3Qv/w==", isDirectory: false },
  { kind: "overflow" },
  { kind: "paused" },
  { kind: "resumed" },
  { kind: "ended", reason: "removed" },
];
const told = [
  { type: "watching", directories: 1, seq: 1 },
  { type: "created", path: "/root/a\nb", directory: true, seq: 2 },
  { type: "renamed", from: "/root/x", path: "/root/\ufffd", path_base64: "L3Jvb3Qv/w==", directory: false, seq: 3 },
  { type: "overflow", seq: 4 },
  { type: "paused", seq: 5 },
  { type: "resumed", seq: 6 },
  { type: "ended", reason: "removed", seq: 7 },
];

/** Every event of a stream that ends, its fields checked against its data. */
function eventsIn(text: string): unknown[] {
  const blocks = text.split("\n\n").filter((block) => block.includes("data: "));
  return blocks.map((block) => {
    const field = (name: string): string =>
      block
        .split("\n")
        .find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2) ?? "";
    const message = watchMessage.parse(JSON.parse(field("data")));
    assert.deepEqual([field("event"), field("id")], [message.type, "seq" in message ? String(message.seq) : ""]);
    return message;
  });
}

test("watchFiles and streamFileChanges tell the same, in order, to the end", async () => {
  await using world = await createWorld();
  const watch = fake(world);
  watch.tell(...news);
  const client = await watchBySocket(world, socketPath);
  assert.equal(await client.closed, 1000);
  assert.deepEqual(client.messages, told);
  await watch.closed;
  const again = fake(world);
  again.tell(...news);
  const response = await world.call("GET", eventsPath);
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.deepEqual(eventsIn(await response.text()), told);
  await again.closed;
});

test("a client of streamFileChanges that comes back is told that changes are missing", async () => {
  await using world = await createWorld();
  fake(world).tell({ kind: "ended", reason: "removed" });
  const response = await world.call("GET", eventsPath, { headers: { "last-event-id": "7" } });
  assert.deepEqual(eventsIn(await response.text()), [
    { type: "watching", directories: 1, seq: 1 },
    { type: "overflow", seq: 2 },
    { type: "ended", reason: "removed", seq: 3 },
  ]);
});

test("the end of a watch closes its socket with the code of its reason", async () => {
  await using world = await createWorld();
  const codes = { removed: 1000, watch_limit: 1000, capsule_stopped: 4001, capsule_destroyed: 4001, lost: 1011 };
  for (const reason of WATCH_ENDS) {
    fake(world).tell({ kind: "ended", reason });
    const client = await watchBySocket(world, socketPath);
    assert.equal(await client.closed, codes[reason], reason);
    assert.deepEqual(client.messages.at(-1), { type: "ended", reason, seq: 2 });
  }
});

test("a watch that cannot begin is an HTTP error, by socket and by stream: 400, 404, 409, 426", async () => {
  await using world = await createWorld();
  for (const [query, capsule, code] of [
    ["", IDS.running, "invalid_request"],
    ["?path=/root&recursive=maybe", IDS.running, "invalid_request"],
    ["?path=/root&depth=1", IDS.running, "invalid_request"],
    ["?path=/a%00b", IDS.running, "invalid_request"],
    [`?path=/${"n".repeat(4096)}`, IDS.running, "invalid_request"],
    ["?path=/root&path_base64=L3Jvb3Q=", IDS.running, "invalid_request"],
    ["?path=/root/hello.txt", IDS.running, "invalid_request"],
    ["?path=/none", IDS.running, "not_found"],
    ["?path=/root", IDS.absent, "not_found"],
    ["?path=/root", IDS.paused, "invalid_state"],
  ] as const) {
    const path = `${files.replace(IDS.running, capsule)}/watch`;
    const { body } = await refusedUpgrade(world, `${path}${query}`).catch((error: unknown) => assert.fail(`${query}: ${String(error)}`));
    assert.match(JSON.stringify(body), new RegExp(`"code":"${code}"`), query);
    assert.equal((await problemOf(await world.call("GET", `${path}/events${query}`))).code, code, query);
  }
  assert.equal((await problemOf(await world.call("GET", socketPath))).code, "upgrade_required");
});

test("a quiet stream of changes sends comments, and a quiet socket is kept open", { timeout: 30_000 }, async (t) => {
  await using world = await createWorld({ streams: { keepAliveMs: 5 } });
  const watch = fake(world);
  const response = await world.call("GET", eventsPath);
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.split(": keep-alive\n\n").length > 3) break;
  }
  await watch.closed;
  const second = fake(world);
  const client = await watchBySocket(world, socketPath);
  while (second.asked < 4) {
    t.signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
  second.tell({ kind: "overflow" });
  await client.until(2);
  client.socket.close();
  await second.closed;
});

test("a client that leaves ends its watch, by socket and by stream", async () => {
  await using world = await createWorld();
  const first = fake(world);
  const client = await watchBySocket(world, socketPath);
  client.socket.terminate();
  await first.closed;
  const second = fake(world);
  const response = await world.call("GET", eventsPath);
  await response.body?.cancel();
  await second.closed;
});

test("streamFileChanges has its place among the open streams, which one that ends or cannot begin gives back", async () => {
  await using world = await createWorld({ streams: { eventStreams: { all: 9, anonymous: 0, team: 1, address: 0 } } });
  const own = world.services.files.watch;
  const watch = fake(world);
  const response = await world.call("GET", eventsPath);
  assert.equal((await problemOf(await world.call("GET", eventsPath))).code, "unavailable");
  watch.tell({ kind: "ended", reason: "removed" });
  await response.text();
  world.services.files.watch = own;
  for (let turn = 0; turn < 3; turn += 1)
    assert.equal((await problemOf(await world.call("GET", `${files}/watch/events`))).code, "invalid_request");
  assert.equal((await world.call("GET", eventsPath)).status, 200);
});

test("the revoked key and the stop of the server end watches by socket and by stream", async () => {
  await using world = await createWorld();
  const bySocket = fake(world);
  const client = await watchBySocket(world, socketPath);
  const byStream = fake(world);
  const response = await world.call("GET", eventsPath);
  world.services.revoke(`key-${"2".repeat(25)}`);
  assert.equal(await client.closed, 1008);
  await response.text();
  await Promise.all([bySocket.closed, byStream.closed]);
  const last = fake(world);
  const other = await world.call("GET", eventsPath, { key: KEYS.admin });
  const closing = world.server.close(5000);
  await other.text();
  await last.closed;
  await closing;
});

test("a ticket opens one watch without a key, by socket and by stream", async () => {
  await using world = await createWorld();
  for (const path of [socketPath, eventsPath]) {
    const answer = await world.call("POST", "/v1/tickets", { json: { path } });
    const { ticket } = z.object({ ticket: z.string() }).parse(await answer.json());
    fake(world).tell({ kind: "ended", reason: "removed" });
    const once = `${path}&ticket=${ticket}`;
    if (path === socketPath) assert.equal(await (await watchBySocket(world, once, {})).closed, 1000);
    else assert.equal(eventsIn(await (await world.call("GET", once, { key: null })).text()).length, 2);
    assert.equal((await world.call("GET", once, { key: null })).status, 401);
  }
});

test("messages to a watch are refused, and too many of them close it", async () => {
  await using world = await createWorld({ limits: { junkMax: 3 } });
  const watch = fake(world);
  const client = await watchBySocket(world, socketPath);
  for (const message of ["{}", Buffer.from("x"), "[]"]) client.socket.send(message);
  assert.equal(await client.closed, 4002);
  assert.deepEqual(
    client.messages.slice(1).map((message) => message.type === "error" && message.code),
    ["bad_message", "bad_message", "bad_message"],
  );
  await watch.closed;
});

test("a reader that takes nothing is asked for nothing more, and is let go after its bound", { timeout: 60_000 }, async (t) => {
  const big = { kind: "created", path: `/root/${"n".repeat(60_000)}`, isDirectory: false } as const;
  await using world = await createWorld({
    limits: { stallMs: 100, laggardCloseMs: 100, outboundCharsHigh: 1024 },
    streams: { stallMs: 100 },
  });
  for (const [path, head] of [
    [
      socketPath,
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    ],
    [eventsPath, ""],
  ] as const) {
    const watch = fake(world);
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n${head}\r\n`);
    await once(socket, "readable");
    // Nothing is read from here on; what the kernel takes for both sides is a few megabytes.
    let isClosed = false;
    void watch.closed.then(() => (isClosed = true));
    let asked = 0;
    while (!isClosed) {
      t.signal.throwIfAborted();
      if (watch.asked > asked) {
        asked = watch.asked;
        watch.tell(...Array.from({ length: 20 }, () => big));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(asked < 100, `${asked} times`);
    socket.destroy();
  }
});
