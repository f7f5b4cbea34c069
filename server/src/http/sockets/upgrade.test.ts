import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fail } from "../../core/fail.ts";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import { IDS, KEYS } from "../testing/fake-services.ts";
import { Pipeline } from "../testing/pipeline.ts";
import { connect, refusedUpgrade } from "../testing/socket-client.ts";
import { createWorld } from "../testing/world.ts";

const exec = `/v1/capsules/${IDS.running}/exec/stream`;
const attach = `/v1/capsules/${IDS.running}/processes/42/stream`;

/** Status and code of a refused upgrade, after checking that it is a whole HTTP answer in the usual shape. */
async function refusal(...given: Parameters<typeof refusedUpgrade>): Promise<string> {
  const { status, headers, body } = await refusedUpgrade(...given);
  assert.match(String(headers["x-request-id"]), /^req-[0-9a-z]{25}$/);
  assert.match(String(headers["content-type"]), /^application\/json/);
  assert.ok(typeof body === "object" && body !== null && "error" in body && typeof body.error === "object" && body.error !== null);
  assert.ok("code" in body.error && "request_id" in body.error);
  assert.equal(body.error.request_id, headers["x-request-id"]);
  return `${status} ${String(body.error.code)}`;
}

test("errors are HTTP answers before the upgrade: 401, 400, 404, 409, in that order", async () => {
  await using world = await createWorld();
  const key = { "x-api-key": KEYS.member };
  for (const [path, headers, expected] of [
    [exec, {}, "401 unauthorized"],
    [exec, { "x-api-key": "wrong" }, "401 unauthorized"],
    [`${attach}?from=never`, {}, "401 unauthorized"],
    [`${attach}?from=never`, key, "400 invalid_request"],
    [`${attach}?from=0`, key, "400 invalid_request"],
    [`${attach}?surprise=1`, key, "400 invalid_request"],
    [attach.replace(IDS.running, IDS.absent), key, "404 not_found"],
    [exec.replace(IDS.running, IDS.absent), key, "404 not_found"],
    [exec.replace(IDS.running, "../../etc"), key, "404 not_found"],
    [exec, { "x-api-key": KEYS.other }, "404 not_found"],
    [attach, { "x-api-key": KEYS.other }, "404 not_found"],
    [attach.replace("/42/", "/43/"), key, "404 not_found"],
    [exec.replace(IDS.running, IDS.paused), key, "409 invalid_state"],
    [attach.replace(IDS.running, IDS.paused), key, "409 invalid_state"],
  ] as const) {
    assert.equal(await refusal(world, path, headers), expected, `${path} ${JSON.stringify(headers)}`);
  }
});

test("a foreign Origin is refused, the server's own and a listed one are not", async () => {
  await using world = await createWorld({ config: { corsOrigins: ["https://app.example"] } });
  const key = { "x-api-key": KEYS.member };
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", `${world.url}.evil.example`]) {
    assert.equal(await refusal(world, exec, { ...key, origin }), "403 forbidden", origin);
  }
  for (const origin of [world.url, "https://app.example"]) {
    const client = await connect(world, exec, { ...key, origin });
    client.socket.terminate();
  }
});

test("an accepted upgrade carries its request id", async () => {
  await using world = await createWorld();
  await using pipeline = await Pipeline.open(world);
  const handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  pipeline.socket.write(`GET ${exec} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n${handshake}\r\n\r\n`);
  const [answer] = await pipeline.answers(1);
  assert.equal(answer?.status, 101);
  assert.match(answer.head, /X-Request-Id: req-[0-9a-z]{25}/);
  assert.match(answer.head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  assert.doesNotMatch(answer.head, /permessage-deflate/);
});

test("sockets beyond the server's bound are a 503, and a closed one makes room", async () => {
  await using world = await createWorld({ limits: { socketsMax: 1 } });
  const client = await connect(world, exec);
  assert.equal(await refusal(world, exec), "503 unavailable");
  const seen = world.socketClosed();
  client.socket.terminate();
  await seen;
  assert.equal(await refusal(world, exec.replace(IDS.running, IDS.absent)), "404 not_found");
  (await connect(world, exec)).socket.terminate();
});

test("a client that goes before the upgrade leaves nothing attached", async () => {
  await using world = await createWorld();
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<ProcessStream>();
  world.services.processes.attach = () => {
    entered.resolve();
    return release.promise;
  };
  const pipeline = await Pipeline.open(world);
  const handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  pipeline.socket.write(`GET ${attach} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n${handshake}\r\n\r\n`);
  await entered.promise;
  pipeline.socket.resetAndDestroy();
  await once(pipeline.socket, "close");
  release.resolve(world.services.stream);
  await world.services.stream.called("close");
});

test("a broken handshake is a 400 in the usual shape, and lets go of the process it would have attached to", async () => {
  await using world = await createWorld();
  for (const handshake of [
    "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short",
  ]) {
    await using pipeline = await Pipeline.open(world);
    pipeline.socket.write(
      `GET ${attach} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${handshake}\r\n\r\n`,
    );
    const [answer] = await pipeline.answers(1);
    assert.equal(answer?.status, 400, handshake);
    assert.match(answer.body, /"code":"invalid_request"/);
  }
  await world.services.stream.called("close");
});

test("attach passes the selector and from on, and sends from the point of connection by default", async () => {
  await using world = await createWorld();
  const asked: unknown[] = [];
  world.services.processes.attach = async (_principal, _id, selector, from) => {
    asked.push([selector, from]);
    return world.services.stream;
  };
  for (const [query, from] of [
    ["", "now"],
    ["?from=start", "start"],
    ["?from=7", 7],
  ] as const) {
    const client = await connect(world, `/api/v1/capsules/${IDS.running}/processes/my%2Dtag/stream${query}`);
    assert.equal((await client.next()).type, "start");
    assert.deepEqual(asked.pop(), ["my-tag", from]);
    const seen = world.socketClosed();
    client.socket.close();
    await seen;
  }
});

test("an attached reader gets output and exit, may stop the process, may not write to it, and leaves it alone when it goes", async () => {
  await using world = await createWorld();
  const { stream } = world.services;
  const client = await connect(world, `${attach}?encoding=base64`);
  assert.equal((await client.next()).type, "start");
  stream.print("stderr", "err");
  assert.deepEqual(await client.next(), { type: "stderr", data: "ZXJy", seq: 1, encoding: "base64" });
  client.send({ type: "stdin", data: "x" });
  const refused = await client.next();
  assert.ok(refused.type === "error" && refused.code === "bad_message");
  assert.deepEqual(stream.stdin, []);
  client.send({ type: "stop" });
  await stream.called("cancel stopped 5000");
  stream.exit({ reason: "stopped" });
  assert.equal(await client.closed, 1000);

  await using other = await createWorld();
  const leaving = await connect(other, attach);
  leaving.socket.terminate();
  await other.services.stream.called("close");
  assert.equal(
    other.services.stream.calls.some((call) => call.startsWith("cancel")),
    false,
  );
});

test("an invalid offset is a 400 before the upgrade", async () => {
  await using world = await createWorld();
  world.services.processes.attach = () => Promise.reject(fail("invalid_offset"));
  assert.equal(await refusal(world, `${attach}?from=99`), "400 invalid_offset");
});

test("a key that is revoked while its upgrade is under way opens nothing", async () => {
  await using world = await createWorld();
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  world.services.processes.prepareStream = async () => {
    asked.resolve();
    await goOn.promise;
    return { start: async () => world.services.stream };
  };
  const refused = refusal(world, exec);
  await asked.promise;
  world.services.revoke(`key-${"2".repeat(25)}`);
  goOn.resolve();
  assert.equal(await refused, "401 unauthorized");
});
