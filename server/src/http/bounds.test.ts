import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { test } from "node:test";
import { LIMITS } from "@capsuled/contract";
import { fail } from "../core/fail.ts";
import { REFUSED_BODY } from "./read-body.ts";
import { RETRY_AFTER_SECONDS } from "./problem.ts";
import { IDS, KEYS } from "./testing/fake-services.ts";
import { problemOf } from "./testing/problem-shape.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

/** Bounds of requests that have no test of their own elsewhere; docs/limits.md lists them. */
const exec = `/v1/capsules/${IDS.running}/exec`;

async function fieldRefused(world: World, json: unknown): Promise<string> {
  const error = await problemOf(await world.call("POST", exec, { json }));
  assert.equal(error.code, "invalid_request");
  return JSON.stringify(error.details);
}

const names = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [`V${at}`, ""]));

test("exec takes variables, tag and stdin up to their bounds, and names the field that is beyond one", async () => {
  await using world = await createWorld();
  const accepted: readonly unknown[] = [
    { cmd: "x", envs: names(LIMITS.envsMax) },
    { cmd: "x", envs: { ["N".repeat(LIMITS.envNameCharsMax)]: "v".repeat(LIMITS.envValueBytesMax) } },
    { cmd: "x", tag: "t".repeat(64) },
    { cmd: "x", stdin: "s".repeat(LIMITS.stdinBytesMax) },
  ];
  for (const json of accepted) assert.equal((await world.call("POST", exec, { json })).status, 200);
  const refused: readonly (readonly [string, unknown])[] = [
    ["envs", { cmd: "x", envs: names(LIMITS.envsMax + 1) }],
    ["envs", { cmd: "x", envs: { ["N".repeat(LIMITS.envNameCharsMax + 1)]: "" } }],
    ["envs", { cmd: "x", envs: { N: "é".repeat(LIMITS.envValueBytesMax / 2 + 1) } }],
    ["tag", { cmd: "x", tag: "t".repeat(65) }],
    ["stdin", { cmd: "x", stdin: "é".repeat(LIMITS.stdinBytesMax / 2 + 1) }],
  ];
  for (const [field, json] of refused) assert.ok((await fieldRefused(world, json)).includes(field), field);
});

test("a name in a path may have 200 characters; a longer one is not found", async () => {
  await using world = await createWorld();
  const asked: string[] = [];
  world.services.processes.get = async (_principal, _id, selector) => {
    asked.push(selector);
    throw fail("not_found");
  };
  for (const length of [200, 201]) {
    const response = await world.call("GET", `/v1/capsules/${IDS.running}/processes/${"n".repeat(length)}`);
    assert.equal((await problemOf(response)).code, "not_found");
  }
  assert.deepEqual(asked, ["n".repeat(200)], "the longer one does not reach the use case");
});

/** Writes to a new connection and collects what comes back until it is closed. */
async function exchange(world: World, text: string): Promise<{ readonly answer: string; readonly tookMs: number }> {
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  const began = performance.now();
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
  socket.write(text);
  await once(socket, "close");
  return { answer, tookMs: performance.now() - began };
}

test("a request whose headers, and one whose body, do not come in time is a 408, and its connection is closed", async () => {
  await using world = await createWorld({ connections: { headersMs: 200, requestMs: 400, checkMs: 20 } });
  const head = await exchange(world, "GET /healthz HTTP/1.1\r\nhost: x\r\n");
  assert.match(head.answer, /^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
  assert.ok(head.tookMs >= 190, `${head.tookMs} ms`);
  const post = `POST ${exec} HTTP/1.1\r\nhost: x\r\nx-api-key: ${KEYS.member}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`;
  const body = await exchange(world, post);
  assert.match(body.answer, /^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
  assert.ok(body.tookMs >= 390, `${body.tookMs} ms`);
});

test("a connection that is idle after its answer is closed by the server after a while, and not at once", async () => {
  await using world = await createWorld({ connections: { keepAliveMs: 300 } });
  const { answer, tookMs } = await exchange(world, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.ok(tookMs >= 290, `${tookMs} ms`);
});

test("a key of more than 100 characters is refused without a look", async () => {
  await using world = await createWorld();
  let looks = 0;
  world.services.access.authenticate = () => {
    looks += 1;
    return undefined;
  };
  for (const [length, looked] of [
    [100, 1],
    [101, 1],
  ] as const) {
    const response = await world.call("GET", "/v1/capsules", { key: "k".repeat(length) });
    assert.equal((await problemOf(response)).code, "unauthorized");
    assert.equal(looks, looked, `${length} characters`);
  }
});

test(`what may pass says to come back after ${RETRY_AFTER_SECONDS} s, what cannot does not`, async () => {
  await using world = await createWorld();
  for (const [code, header] of [
    ["host_full", "2"],
    ["quota_exceeded", "2"],
    ["process_limit", "2"],
    ["invalid_state", null],
  ] as const) {
    world.services.processes.exec = () => Promise.reject(fail(code));
    const response = await world.call("POST", exec, { json: { cmd: "x" } });
    assert.equal(response.headers.get("retry-after"), header, code);
    await response.body?.cancel();
  }
});

test("a body that is too large is read on for a while, so that its sender gets the 413, and not for ever", async () => {
  await using world = await createWorld();
  const { hostname, port } = new URL(world.url);
  const head = `POST ${exec} HTTP/1.1\r\nhost: x\r\nx-api-key: ${KEYS.member}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
  const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(1024 * 1024, "x"), Buffer.from("\r\n")]);

  // One that sends too much and then neither goes on nor ends.
  const stalled = connect(Number(port), hostname);
  stalled.on("error", () => {}); // what is still on its way when the server closes
  stalled.write(head);
  for (let sent = 0; sent <= LIMITS.bodyBytesMax; sent += 1024 * 1024) stalled.write(chunk);
  const began = performance.now();
  assert.match(await firstBytes(stalled), /^HTTP\/1\.1 413 /);
  assert.ok(performance.now() - began >= REFUSED_BODY.ms - 50, "it had its time to end");
  stalled.destroy();

  // One that never ends. What it still sends once it is cut off may cost it the answer, so only the end counts.
  const endless = connect(Number(port), hostname);
  endless.on("error", () => {});
  endless.write(head);
  const closed = new Promise((resolve) => endless.once("close", () => resolve("closed")));
  const bound = 20 * (LIMITS.bodyBytesMax + REFUSED_BODY.bytesMax);
  let sent = 0;
  while (!endless.destroyed && sent < bound) {
    sent += 1024 * 1024;
    if (!endless.write(chunk)) await Promise.race([new Promise((resolve) => endless.once("drain", resolve)), closed]);
  }
  assert.ok(sent < bound, "it was not cut off");
  assert.equal(await closed, "closed");
});

async function firstBytes(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1")));
    socket.once("close", () => reject(new Error("closed without an answer")));
  });
}
