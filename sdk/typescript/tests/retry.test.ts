import assert from "node:assert/strict";
import { test } from "node:test";
import { behaviour } from "../../testing/behaviour.ts";
import { apiErrorOf } from "../src/api-errors.ts";
import { ERRORS } from "../src/contract/operations.ts";
import { ApiError, Client, ConnectionError } from "../src/index.ts";
import { settingsFrom } from "../src/settings.ts";
import { Retry } from "../src/transport/retry.ts";
import { byteServer, fakeServer, problem, RUNNING } from "../testing/fake-server.ts";

const apiKey = "wrn_test";

behaviour("retry.safe", async () => {
  for (const code of ["unavailable", "shutting_down", "rate_limited"] as const) {
    await using server = await fakeServer({
      answer: (_, count) =>
        count < 3 ? { status: ERRORS[code].status, body: problem(code), headers: { "retry-after": "0" } } : { body: RUNNING },
    });
    const client = new Client({ url: server.url, apiKey });
    assert.equal((await client.capsules.create()).info.status, "running");
    const keys = server.asked.map(({ headers }) => headers["idempotency-key"]);
    assert.equal(keys.length, 3, code);
    assert.ok(typeof keys[0] === "string" && keys.every((key) => key === keys[0]), "every attempt carries the first one's key");
  }
  const refused: readonly (keyof typeof ERRORS)[] = [
    "invalid_request",
    "not_found",
    "invalid_state",
    "internal_error",
    "agent_error",
    "host_full",
    "quota_exceeded",
  ];
  for (const code of refused) {
    await using server = await fakeServer({
      answer: () => ({ status: ERRORS[code].status, body: problem(code), headers: { "retry-after": "0" } }),
    });
    const client = new Client({ url: server.url, apiKey });
    await assert.rejects(client.capsules.create(), (error: Error) => error instanceof ApiError && error.code === code);
    assert.equal(server.asked.length, 1, `${code} is not repeated`);
  }
});

behaviour("error.left-open", async () => {
  // Each answer is cut: what was asked has been done, and nobody says so.
  await using cut = await byteServer((socket) => socket.once("data", () => socket.destroy()));
  const client = new Client({ url: cut.url, apiKey, retryForMs: 0 });
  let key = "";
  await assert.rejects(client.capsules.create(), (error: Error) => {
    assert.ok(error instanceof ConnectionError && error.outcome === "unknown");
    assert.match(error.idempotencyKey ?? "", /^sdk-[0-9a-f]{32}$/);
    key = error.idempotencyKey ?? "";
    assert.ok(error.message.includes(`asked again with the Idempotency-Key ${key}, it is not done twice`), error.message);
    return true;
  });
  await assert.rejects(client.capsules.create({ idempotencyKey: "mine" }), (error: Error) => {
    assert.equal(error instanceof ConnectionError && error.idempotencyKey, "mine");
    return true;
  });
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  await new Client({ url: server.url, apiKey }).capsules.create({ idempotencyKey: key });
  assert.equal(server.asked[0]?.headers["idempotency-key"], key);
  // Nothing is open where a reading has no answer, where nothing was sent, or where the server has refused.
  await assert.rejects(
    client.capsules.getInfo("cl-a"),
    (error: Error) => error instanceof ConnectionError && error.idempotencyKey === null,
  );
  await using refusing = await fakeServer({ answer: () => ({ status: 409, body: problem("conflict") }) });
  await assert.rejects(
    new Client({ url: refusing.url, apiKey }).capsules.create(),
    (error: Error) => error instanceof ApiError && error.idempotencyKey === null,
  );
});

test("a request without a name is not repeated where it may have been done", async () => {
  await using server = await fakeServer({ answer: () => ({ status: 503, body: problem("unavailable"), headers: { "retry-after": "0" } }) });
  const client = new Client({ url: server.url, apiKey });
  await assert.rejects(
    client.capsules.create({ idempotencyKey: null }),
    (error: Error) => error instanceof ApiError && error.code === "unavailable",
  );
  assert.equal(server.asked.length, 1);
  assert.equal(server.asked[0]?.headers["idempotency-key"], undefined);
});

test("a repeat waits for as long as Retry-After says, and none is made where that is too long", async () => {
  await using server = await fakeServer({
    answer: (_, count) =>
      count === 1 ? { status: 503, body: problem("unavailable"), headers: { "retry-after": "1" } } : { body: RUNNING },
  });
  const began = performance.now();
  const client = new Client({ url: server.url, apiKey });
  await client.capsules.getInfo("cl-a");
  assert.ok(performance.now() - began >= 990, "it waited");
  await using slow = await fakeServer({
    answer: () => ({ status: 503, body: problem("unavailable"), headers: { "retry-after": "3600" } }),
  });
  await assert.rejects(new Client({ url: slow.url, apiKey }).capsules.getInfo("cl-a"), ApiError);
  assert.equal(slow.asked.length, 1);
});

behaviour("error.typed", async () => {
  for (const [code, { status }] of Object.entries(ERRORS)) {
    await using server = await fakeServer({ answer: () => ({ status, body: problem(code, { field: "cmd" }) }) });
    const client = new Client({ url: server.url, apiKey, retryForMs: 0 });
    await assert.rejects(client.capsules.getInfo("cl-a"), (error: Error) => {
      assert.ok(error instanceof ApiError && error.constructor !== ApiError, code);
      const { name, message, requestId, details } = error;
      assert.deepEqual(
        [error.code, error.status, message, requestId, details],
        [code, status, `It is ${code}.`, "req-fake", { field: "cmd" }],
        name,
      );
      return true;
    });
  }
  await using newer = await fakeServer({ answer: () => ({ status: 418, body: problem("teapot") }) });
  await assert.rejects(new Client({ url: newer.url, apiKey }).capsules.getInfo("cl-a"), (error: Error) => {
    assert.ok(error instanceof ApiError && error.constructor === ApiError);
    assert.deepEqual([error.code, error.status], ["teapot", 418]);
    return true;
  });
});

test("a repeat is not waited for beyond the time for repeats, which is short for a server that never answered", () => {
  const { retryForMs, requestTimeoutMs } = settingsFrom({ apiKey: "wrn_x" });
  assert.deepEqual([retryForMs, requestTimeoutMs], [30_000, 30_000]);
  const refusal = (retryAfterSec: number): ApiError =>
    apiErrorOf({ status: 429, code: "rate_limited", message: "later", requestId: null, details: {}, retryAfterSec });
  assert.equal(new Retry(retryForMs, true).next(refusal(29), true), 29_000);
  assert.equal(new Retry(retryForMs, true).next(refusal(31), true), null);
  const unreached = new ConnectionError("nobody", "nothing_done");
  const tries = new Retry(retryForMs, false);
  let waited = 0;
  for (let wait = tries.next(unreached, true); wait !== null; wait = tries.next(unreached, true)) {
    waited = wait;
    if (waited > 1_000) break;
  }
  assert.ok(waited <= 1_000, `${waited} ms`);
});

test("that a server is away, and back, is told of one that has answered", async () => {
  const told: boolean[] = [];
  await using server = await fakeServer({
    answer: (_, count) => (count === 2 || count === 3 ? { status: 503, body: problem("shutting_down") } : { body: { id: "cl-a" } }),
  });
  const client = new Client({ url: server.url, apiKey, onConnection: (isConnected) => told.push(isConnected) });
  await client.capsules.getInfo("cl-a");
  assert.equal(told.length, 0);
  await client.capsules.getInfo("cl-a");
  assert.deepEqual(told, [false, false, true]);
  await client.capsules.getInfo("cl-a");
  assert.equal(told.length, 3);
  const never = new Client({ url: "http://127.0.0.1:9", apiKey, onConnection: (isConnected) => told.push(isConnected) });
  await assert.rejects(never.capsules.getInfo("cl-a"), ConnectionError);
  assert.equal(told.length, 3);
});
