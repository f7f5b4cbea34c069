import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { WebSocket } from "ws";
import { behaviour } from "../../testing/behaviour.ts";
import { Capsule, ConnectionError, DigestError, StreamError } from "../src/index.ts";
import type { ProcessEvent } from "../src/index.ts";
import { settingsFrom } from "../src/settings.ts";
import type { SocketReader } from "../src/transport/reconnecting.ts";
import { Reconnecting } from "../src/transport/reconnecting.ts";
import { Transport } from "../src/transport/transport.ts";
import { byteServer, fakeServer, RUNNING } from "../testing/fake-server.ts";

const apiKey = "wrn_test";
const ID = `pr-${"1".repeat(25)}`;
const EMPTY = createHash("sha256").digest("hex");

function say(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message));
}

function started(next = 1): object {
  return { type: "start", pid: 42, id: ID, tag: "bg-1", next_seq: next };
}

function record(seq: number, text: string | Buffer): object {
  return { type: "stdout", data: Buffer.from(text).toString("base64"), encoding: "base64", seq };
}

function exit(seq: number, printed: string | Buffer, digest?: string): object {
  const bytes = Buffer.from(printed);
  return {
    type: "exit",
    exit_code: 0,
    seq,
    duration_ms: 1,
    reason: "exited",
    signal: null,
    oom_kills: 0,
    requested: null,
    stdout_bytes: bytes.length,
    stderr_bytes: 0,
    late_bytes: 0,
    stdout_sha256: digest ?? createHash("sha256").update(bytes).digest("hex"),
    stderr_sha256: EMPTY,
  };
}

async function events(url: string): Promise<ProcessEvent[]> {
  const capsule = await Capsule.connect(RUNNING.id, { url, apiKey });
  const found: ProcessEvent[] = [];
  for await (const event of capsule.commands.stream("x")) found.push(event);
  return found;
}

behaviour("stream.digest", async () => {
  const wrong = [exit(2, "one", EMPTY), exit(2, "onetwo")];
  for (const end of wrong) {
    await using server = await fakeServer({
      answer: () => ({ body: RUNNING }),
      socket: (socket) => {
        say(socket, started());
        say(socket, record(1, "one"));
        say(socket, end);
      },
    });
    await assert.rejects(events(server.url), DigestError);
  }
});

behaviour("stream.gap", async () => {
  await using server = await fakeServer({
    answer: () => ({ body: RUNNING }),
    socket: (socket) => {
      say(socket, started());
      say(socket, { type: "gap", from_seq: 1, seq: 7, stdout_bytes: 100, stderr_bytes: 3 });
      say(socket, record(8, "rest"));
      say(socket, { ...exit(9, "rest"), stdout_bytes: 104, stderr_bytes: 3 });
    },
  });
  const found = await events(server.url);
  assert.deepEqual(found[1], { type: "gap", stdout_bytes: 100, stderr_bytes: 3, seq: 7 });
  const last = found.at(-1);
  assert.ok(last?.type === "exit" && !last.verified, "what was not read whole is not verified");
});

test("a record that is missing or comes twice is an error, never silence", async () => {
  for (const second of [record(3, "three"), record(1, "one")]) {
    await using server = await fakeServer({
      answer: () => ({ body: RUNNING }),
      socket: (socket) => {
        say(socket, started());
        say(socket, record(1, "one"));
        say(socket, second);
      },
    });
    await assert.rejects(events(server.url), (error: Error) => error instanceof StreamError && error.code === "bad_message");
  }
});

test("what is no message of the API is an error that shows it, and a message of a newer server is passed over", async () => {
  await using junk = await fakeServer({ answer: () => ({ body: RUNNING }), socket: (socket) => socket.send("hello") });
  await assert.rejects(events(junk.url), (error: Error) => error instanceof StreamError);
  await using newer = await fakeServer({
    answer: () => ({ body: RUNNING }),
    socket: (socket) => {
      say(socket, { type: "weather", sunny: true });
      say(socket, started());
      say(socket, exit(1, ""));
    },
  });
  assert.deepEqual(
    (await events(newer.url)).map(({ type }) => type),
    ["start", "exit"],
  );
});

test("a stream that is cut before its start was told is asked for by the same name, and after it from the record that is due", async () => {
  const first: unknown[] = [];
  const attached: string[] = [];
  await using server = await fakeServer({
    answer: () => ({ body: RUNNING }),
    socket: (socket, url, count) => {
      if (url.pathname.endsWith("/exec/stream")) {
        socket.once("message", (data) => {
          first.push(JSON.parse(Buffer.isBuffer(data) ? data.toString() : ""));
          if (count === 1) return socket.terminate();
          say(socket, started());
          say(socket, record(1, "one"));
          setTimeout(() => socket.terminate(), 20);
        });
        return;
      }
      attached.push(`${url.pathname}?${url.searchParams.toString()}`);
      const next = Number(url.searchParams.get("from"));
      say(socket, started(next));
      if (next === 2) say(socket, record(2, "two"));
      if (next === 3) say(socket, exit(3, "onetwo"));
      else setTimeout(() => socket.close(1001), 20);
    },
  });
  const found = await events(server.url);
  assert.deepEqual(
    found.map(({ type }) => type),
    ["start", "stdout", "stdout", "exit"],
  );
  assert.equal(first.length, 2);
  assert.deepEqual(first[0], first[1]);
  assert.deepEqual(attached, [
    `/v1/capsules/${RUNNING.id}/processes/${ID}/stream?from=2&encoding=base64`,
    `/v1/capsules/${RUNNING.id}/processes/${ID}/stream?from=3&encoding=base64`,
  ]);
});

test("a stream whose server stays away ends with a connection error", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }), socket: (socket) => socket.terminate() });
  const capsule = await Capsule.connect(RUNNING.id, { url: server.url, apiKey, retryForMs: 200 });
  await assert.rejects(capsule.commands.stream("x").next(), ConnectionError);
});

behaviour("stream.slow-consumer", async () => {
  const piece = Buffer.alloc(256 * 1024, "x");
  const count = 100;
  const whole = Buffer.concat(Array.from({ length: count }, () => piece));
  const begins: number[] = [];
  let left = 0;
  let onLeft: () => void = () => {};
  await using server = await fakeServer({
    answer: () => ({ body: RUNNING }),
    socket: (socket, url) => {
      const isFirst = url.pathname.endsWith("/exec/stream");
      const from = isFirst ? 1 : Number(url.searchParams.get("from"));
      begins.push(from);
      socket.on("close", () => {
        left += 1;
        onLeft();
      });
      const send = (): void => {
        say(socket, started(from));
        for (let seq = from; seq <= count; seq += 1) say(socket, record(seq, piece));
        say(socket, exit(count + 1, whole));
      };
      if (isFirst) socket.once("message", send);
      else send();
    },
  });
  const capsule = await Capsule.connect(RUNNING.id, { url: server.url, apiKey });
  let taken = 0;
  for await (const event of capsule.commands.stream("x")) {
    if (event.type === "stdout") taken += 1;
    // Takes nothing until the connection was left, three times.
    if (begins.length > left && left < 3 && event.type !== "exit") await new Promise<void>((done) => (onLeft = done));
    if (event.type === "exit") assert.ok(event.verified);
    // A connection begins behind what was kept of the one before: that is what waited in memory.
    const waited = (begins.at(-1) ?? 1) - 1 - taken;
    assert.ok(waited * piece.length <= 4 * 1024 * 1024, `${waited} pieces waited`);
  }
  assert.equal(taken, count);
  assert.ok(left >= 3, `it was left ${left} times`);
});

test("a stream that is left while it waits for room to connect again does not connect any more", async () => {
  const left: string[] = [];
  const room = Promise.withResolvers<void>();
  const waits = Promise.withResolvers<void>();
  await using server = await fakeServer({ socket: (socket) => void left.push(String(socket.readyState)) });
  const reader: SocketReader = {
    target: () => ({ id: "streamProcess", request: { params: { id: RUNNING.id, selector: ID } } }),
    first: () => null,
    take: () => "more",
    diagnose: async () => {},
    mayRenew: () => true,
    makeRoom: () => {},
    ready: () => {
      waits.resolve();
      return room.promise;
    },
    progress: () => 0,
  };
  const connection = new Reconnecting(new Transport(settingsFrom({ url: server.url, apiKey })), reader, undefined);
  const run = connection.run();
  await waits.promise;
  // As a stream does that its consumer leaves: there is room, and nothing more is wanted.
  room.resolve();
  connection.stop();
  await run;
  assert.deepEqual([connection.connections, left], [0, []]);
});

test("events that are asked for before the last one has come are all given, in order", async () => {
  const wanted = Promise.withResolvers<void>();
  await using server = await fakeServer({
    answer: () => ({ body: RUNNING }),
    socket: (socket) =>
      void wanted.promise.then(() => {
        for (const message of [started(), record(1, "one"), exit(2, "one")]) say(socket, message);
      }),
  });
  const capsule = await Capsule.connect(RUNNING.id, { url: server.url, apiKey });
  const stream = capsule.commands.stream("x");
  const asked = [stream.next(), stream.next(), stream.next(), stream.next()];
  wanted.resolve();
  const found = await Promise.all(asked);
  assert.deepEqual(
    found.map(({ value }) => value?.type),
    ["start", "stdout", "exit", undefined],
  );
});

test("an aborted stream ends its command also where nobody takes what waits", async () => {
  const piece = "x".repeat(512 * 1024);
  const [full, killed] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
  await using server = await fakeServer({
    answer: ({ method, url }) => {
      if (method === "DELETE") killed.resolve(url);
      return { body: RUNNING };
    },
    socket: (socket, { searchParams }) => {
      const from = Number(searchParams.get("from") ?? 1);
      say(socket, started(from));
      for (let seq = from; seq < from + 16; seq += 1) say(socket, record(seq, piece));
      socket.on("close", () => full.resolve());
    },
  });
  const capsule = await Capsule.connect(RUNNING.id, { url: server.url, apiKey });
  const abort = new AbortController();
  const stream = capsule.commands.stream("x", { signal: abort.signal });
  await stream.started;
  await full.promise;
  abort.abort();
  assert.ok((await killed.promise).includes(`/processes/${ID}`));
});

test("an abort ends the finding out of why a stream was refused", async () => {
  const [asked, abort] = [Promise.withResolvers<void>(), new AbortController()];
  let isRefusing = false;
  await using server = await byteServer((socket) => {
    socket.on("data", (data) => {
      if (String(data).toLowerCase().includes("upgrade: websocket")) socket.end("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n");
      else if (isRefusing) asked.resolve();
      else {
        const body = JSON.stringify(RUNNING);
        socket.write(`HTTP/1.1 200 OK\r\nX-Request-Id: req-1\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      }
    });
  });
  const capsule = await Capsule.connect(RUNNING.id, { url: server.url, apiKey });
  isRefusing = true;
  const next = capsule.commands.stream("x", { signal: abort.signal }).next();
  await asked.promise;
  abort.abort(new Error("enough"));
  const began = performance.now();
  await assert.rejects(next, /enough/);
  assert.ok(performance.now() - began < 5_000);
});
