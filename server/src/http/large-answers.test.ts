import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { test } from "node:test";
import { callResult } from "@capsuled/contract";
import { RUN_BEGIN } from "../core/run/output.ts";
import { SseLines } from "./calls/sse-lines.ts";
import { TransformedRuns } from "./calls/transformed.ts";
import { OpenStreams } from "./open-streams.ts";
import { HeldAnswers } from "./held-answers.ts";
import { OWNER } from "./testing/fake-endpoints.ts";
import { IDS, KEYS } from "./testing/fake-services.ts";
import { endOf } from "./testing/fake-stream.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { publish } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const CALL = `/v1/${OWNER}/job`;
const JSON_ONLY = { accept: "application/json" };
const MIB = 1024 * 1024;

async function worldWith(definition: object = {}, settings: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = await createWorld(settings);
  await publish(world, "job", { command: "cat", ...definition });
  return world;
}

/** Sends a request and reads only the beginning of its answer. */
async function stalledAt(world: World, head: string, key: string | null = KEYS.member): Promise<Socket> {
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`${head}\r\nHost: x\r\n${key === null ? "" : `X-API-Key: ${key}\r\n`}\r\n`);
  await once(socket, "readable");
  return socket;
}

/** Reads what is left until the connection is closed. */
async function lengthOfRest(socket: Socket): Promise<number> {
  let length = 0;
  socket.on("data", (chunk) => (length += chunk.length));
  await once(socket, "close");
  return length;
}

test("a large output comes whole in one object, text cut between characters and bytes as base64", async () => {
  await using world = await worldWith({}, { config: { outputBytesMax: 3 * MIB } });
  const pieces = Array.from({ length: 40 }, (_, index) => 'zażółć🙂\n\u0001"\\'.repeat(3000) + "x".repeat(index));
  for (const [printed, expected] of [
    [pieces, pieces.join("")],
    [[...pieces, ...pieces, ...pieces], Buffer.from([...pieces, ...pieces, ...pieces].join("")).subarray(0, 3 * MIB)],
    [[...pieces.map((piece) => Buffer.from(piece)), Buffer.from([0xff, 1])], null],
  ] as const) {
    world.runs.script = (run) => {
      for (const piece of printed) run.print("stdout", piece);
      run.end();
    };
    const response = await world.call("POST", CALL, { headers: JSON_ONLY });
    const result = callResult.parse(await response.json());
    assert.equal(result.run_id, world.runs.last.record.id);
    assert.deepEqual([result.exit_code, result.duration_ms], [0, 5]);
    if (expected === null) {
      assert.equal(result.output_encoding, "base64");
      const whole = Buffer.concat(printed.map((piece) => Buffer.from(piece)));
      assert.ok(Buffer.from(result.output ?? "", "base64").equals(whole));
    } else if (typeof expected === "string") {
      assert.ok(result.output === expected, `${result.output?.length} characters`);
      assert.deepEqual([result.output_truncated, result.output_encoding], [undefined, undefined]);
    } else {
      assert.equal(result.output_truncated, true);
      const given = Buffer.from(result.output ?? "");
      assert.ok(expected.length - given.length < 4 && expected.subarray(0, given.length).equals(given));
    }
    assert.equal(world.runs.last.readers, 0);
  }
});

test("a client that takes nothing of a large output holds no more of it than a piece, and is let go after the bound", async () => {
  await using world = await worldWith({}, { streams: { stallMs: 300 }, config: { outputBytesMax: 64 * MIB } });
  const piece = Buffer.alloc(64 * 1024, "a");
  let read = 0;
  world.runs.script = (run) => {
    for (let index = 0; index < 512; index += 1) run.print("stdout", piece);
    run.end();
  };
  const start = world.runs.start.bind(world.runs);
  world.runs.start = async (request) => {
    const handle = await start(request);
    return {
      ...handle,
      run: handle.run,
      read: (from) => {
        read = 0;
        const reader = handle.read(from);
        return {
          close: () => reader.close(),
          next: async (waitMs) => {
            read += 1;
            return reader.next(waitMs);
          },
        };
      },
    };
  };
  const socket = await stalledAt(world, `POST ${CALL} HTTP/1.1\r\nAccept: application/json\r\nContent-Length: 0`);
  while (world.runs.last.readers > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(read < 300, `${read} pieces of 512 were read for a client that took a few`);
  assert.ok((await lengthOfRest(socket)) < 33 * MIB);
});

test("what an error repeats of the output has a bound", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    for (let index = 0; index < 40; index += 1) run.print("stdout", "x".repeat(64 * 1024));
    run.end({ status: "timed_out", reason: "timed_out", exitCode: 137, error: "Command timed out after 60s" });
  };
  const response = await world.call("POST", CALL, { headers: JSON_ONLY });
  const text = await response.text();
  assert.equal(response.status, 504);
  assert.ok(text.length > MIB && text.length < MIB + 2000, `${text.length} characters`);
  assert.ok(text.includes('"output_truncated":true'));
});

/** A world whose commands print 16 MiB. */
async function printingWorld(settings: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = await createWorld(settings);
  const stdout = Buffer.alloc(16 * MIB, "a");
  world.services.processes.exec = async () => ({
    kind: "ended",
    end: endOf({ stdoutBytes: stdout.length, stderrBytes: 0 }),
    stdout,
    stderr: new Uint8Array(0),
  });
  return world;
}

const EXEC = `/v1/capsules/${IDS.running}/exec`;

test("a buffered answer whose client takes nothing is let go after the bound, with exec's as with any", async () => {
  await using world = await printingWorld({ streams: { stallMs: 300 } });
  const body = '{"cmd":"x"}';
  const socket = await stalledAt(
    world,
    `POST ${EXEC} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n\r\n${body}GET /healthz HTTP/1.1`,
  );
  // The server is in this process: its end of the connection is gone once it has let go, which on a busy machine it may have by now.
  const ends = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
  while (ends() > 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok((await lengthOfRest(socket)) < 16 * MIB);
});

test("a buffered answer whose client takes it comes whole, with exec's as with any", async () => {
  await using world = await printingWorld();
  const whole = await world.call("POST", EXEC, { json: { cmd: "x" } });
  const result: unknown = await whole.json();
  assert.ok(JSON.stringify(result).length > 16 * MIB);
});

test("answers that wait for their clients have a bound together: the slowest are broken off, the newest is not", () => {
  const held = new HeldAnswers(100);
  const broken: string[] = [];
  const answer = (name: string, taken: number) => ({ taken, breakOff: () => void broken.push(name) });
  const slow = answer("slow", 0);
  const fast = answer("fast", 1e9);
  held.hold(slow, 60);
  held.hold(fast, 60);
  assert.deepEqual(broken, [], "who has just begun is given a moment");
  const newest = answer("newest", 0);
  held.hold(newest, 120);
  assert.deepEqual(broken, ["slow"]);
  assert.equal(held.bytes, 180);
  held.release(newest);
  held.release(newest);
  held.release(slow);
  assert.equal(held.bytes, 60);
  held.release(fast);
  assert.equal(held.bytes, 0);
});

test("one team, one address, and all callers without a key have their own bounds of open streams", () => {
  const streams = new OpenStreams({ all: 6, anonymous: 3, team: 2, address: 2 });
  const team = (group: string) => ({ keyId: `key-${group}`, group });
  const address = (group: string) => ({ keyId: null, group });
  const enter = (owner: { keyId: string | null; group: string }) => streams.enter(owner, () => {});
  const refusal = (owner: { keyId: string | null; group: string }): string => {
    try {
      enter(owner);
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  };
  const leaves = [enter(address("a")), enter(address("a"))];
  assert.match(refusal(address("a")), /of this address/);
  leaves.push(enter(address("b")));
  assert.match(refusal(address("c")), /the server/i, "places are left for callers with a key");
  leaves.push(enter(team("x")), enter(team("x")));
  assert.match(refusal(team("x")), /of this team/);
  leaves.push(enter(team("y")));
  assert.match(refusal(team("z")), /the server/i);
  for (const leave of leaves) {
    leave();
    leave();
  }
  assert.equal(streams.size, 0);
  enter(address("a"));
});

test("a caller without a key that has its streams open gets no more, and begins nothing; others do", async () => {
  const runStreams = { all: 10, anonymous: 10, team: 10, address: 1 };
  await using world = await worldWith({ public: true }, { streams: { runStreams } });
  world.runs.script = () => {};
  const held = await world.call("GET", CALL, { key: null });
  assert.equal((await problemOf(await world.call("GET", CALL, { key: null }))).code, "unavailable");
  assert.equal(world.runs.all.length, 1);
  const forwarded = await world.call("GET", CALL, { key: null, headers: { "x-forwarded-for": "192.0.2.7" } });
  const keyed = await world.call("GET", CALL);
  assert.deepEqual([forwarded.status, keyed.status], [200, 200]);
  for (const response of [held, forwarded, keyed]) await response.body?.cancel();
});

test("a transformer works once for all who ask and come back, and a transient failure is tried again", async () => {
  await using world = await worldWith({ transformer: { type: "json" }, public: true });
  world.runs.script = (run) => {
    run.print("stdout", '{"a": 1}\n');
    run.end();
  };
  let collected = 0;
  const collect = world.runs.collect.bind(world.runs);
  world.runs.collect = async (handle, part, bytesMax) => {
    collected += 1;
    if (collected === 1) throw new Error("for once");
    return collect(handle, part, bytesMax);
  };
  const first = await world.call("POST", CALL);
  await first.text().catch(() => {});
  const { id } = world.runs.last.record;
  const headers = { "last-event-id": `${id}.0.0` };
  const texts = await Promise.all(Array.from({ length: 5 }, async () => (await world.call("GET", CALL, { headers })).text()));
  assert.equal(collected, 2);
  for (const text of texts) assert.ok(text.includes('data: {"type":"transformed_output","data":{"a":1}}\n\n'), text);
});

test("results that callers come back for are remembered within a bound", async () => {
  await using world = await worldWith();
  const json = new Uint8Array(12 * MIB);
  let worked = 0;
  const transforms = {
    async transform() {
      worked += 1;
      return { ok: true, json } as const;
    },
  };
  const transformed = new TransformedRuns({ runs: world.runs, transforms });
  for (let calls = 0; calls < 4; calls += 1) await (await world.call("POST", CALL, { headers: JSON_ONLY })).text();
  const handles = world.runs.all.map((run) => run.handle(false));
  for (const handle of handles) await transformed.of(handle, { type: "json" });
  assert.equal(worked, 4);
  assert.ok(transformed.bytes < 32 * MIB, `${transformed.bytes} bytes`);
  const [first, , , last] = handles;
  assert.ok(first !== undefined && last !== undefined);
  await transformed.of(last, { type: "json" });
  assert.equal(worked, 4);
  await transformed.of(last, { type: "lines" });
  await transformed.of(first, { type: "json" });
  assert.equal(worked, 6);
});

test("lines without content are taken before their events are more than a bound", () => {
  const lines = new SseLines("run-0", RUN_BEGIN);
  const flood = Buffer.alloc(64 * 1024, "\n");
  let most = 0;
  let events = 0;
  for (let at = 0; at < flood.length;) {
    at += lines.push("stdout", flood.subarray(at));
    const taken = lines.take();
    most = Math.max(most, taken.length);
    events += taken.toString().split("\n\n").length - 1;
  }
  assert.equal(events, flood.length);
  assert.ok(most < 300 * 1024, `${most} bytes at once`);
});
