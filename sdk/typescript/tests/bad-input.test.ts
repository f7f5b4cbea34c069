import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, SettingsError, StreamError, WrongServerError } from "../src/index.ts";
import type { ClientOptions } from "../src/index.ts";
import { fakeServer, problem, RUNNING } from "../testing/fake-server.ts";

const apiKey = "wrn_test";

/** A value that a program without types may give. */
function untyped<T>(value: unknown): T {
  return value as T; // what the compiler would refuse is what is tried
}

function isSettings(about: RegExp): (error: Error) => boolean {
  return (error) => {
    assert.ok(error instanceof SettingsError, String(error.stack));
    assert.match(error.message, about);
    return true;
  };
}

test("what cannot be sent is refused at once, and is no connection that broke", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const client = new Client({ url: server.url, apiKey });
  const capsule = await client.capsules.connect(RUNNING.id);
  const cycle: Record<string, unknown> = {};
  cycle["itself"] = cycle;
  const asked = server.asked.length;
  await assert.rejects(client.capsules.create({ memory_mb: untyped(5n) }), isSettings(/JSON.*BigInt/));
  await assert.rejects(client.capsules.create({ metadata: untyped(cycle) }), isSettings(/JSON.*circular/));
  await assert.rejects(client.capsules.create({ memory_mb: Number.NaN }), isSettings(/`memory_mb` is NaN/));
  await assert.rejects(client.capsules.create({ idempotencyKey: "two\nlines" }), isSettings(/idempotency-key/));
  await assert.rejects(capsule.commands.run("true", { timeout: Number.NaN }), isSettings(/`timeout` is NaN/));
  await assert.rejects(capsule.commands.run("true", { timeout: Number.POSITIVE_INFINITY }), isSettings(/`timeout` is Infinity/));
  await assert.rejects(capsule.pty.open({ cols: Number.NaN }), isSettings(/`cols` is NaN/));
  assert.throws(() => capsule.commands.stream("true", { timeout: untyped<number>(5n) }), isSettings(/BigInt/));
  assert.throws(() => capsule.commands.exec("ls", untyped("-l")), /TypeError: args is a list|args is a list/);
  assert.equal(server.asked.length, asked, "nothing was sent");
});

test("a file is never written with something else in place of what was given", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const { files } = await new Client({ url: server.url, apiKey }).capsules.connect(RUNNING.id);
  const asked = server.asked.length;
  for (const given of [undefined, null, 5, { a: 1 }, new ArrayBuffer(3), new Uint16Array(3), new Blob(["text"])]) {
    await assert.rejects(files.write("/root/a", untyped(given)), isSettings(/text, a Uint8Array or a ReadableStream/));
    await assert.rejects(files.writeArchive("/root", untyped(given)), isSettings(/ReadableStream/));
  }
  assert.equal(server.asked.length, asked, "nothing was sent");
});

test("a name that would lead to another path is refused: a process's is never its capsule's", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const client = new Client({ url: server.url, apiKey });
  const capsule = await client.capsules.connect(RUNNING.id);
  const asked = server.asked.length;
  for (const name of ["", ".", "..", "\ud800"]) {
    await assert.rejects(capsule.commands.kill(name), isSettings(/`selector`/));
    await assert.rejects(client.capsules.getInfo(name), isSettings(/`id`/));
    await assert.rejects(client.templates.delete(name), isSettings(/`name`/));
  }
  assert.equal(server.asked.length, asked, "nothing was sent");
});

test("a key that none can be, and times that are none, are refused, and the longest times are no short ones", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  for (const key of ["wrn_secret\n", "wrn_s\u00e9cret", "wrn_\u2603", untyped<string>(5)]) {
    assert.throws(
      () => new Client({ url: server.url, apiKey: key }),
      (error: Error) => isSettings(/API key/)(error) && !error.message.includes("cret"),
    );
  }
  const wrong: readonly ClientOptions[] = [
    ...[Number.NaN, -1, 0, untyped<number>("5")].map((requestTimeoutMs) => ({ requestTimeoutMs })),
    ...[Number.NaN, -1, untyped<number>("5")].map((retryForMs) => ({ retryForMs })),
  ];
  for (const options of wrong) assert.throws(() => new Client({ url: server.url, apiKey, ...options }), isSettings(/is milliseconds/));
  for (const requestTimeoutMs of [Number.POSITIVE_INFINITY, 1e12]) {
    await new Client({ url: server.url, apiKey, requestTimeoutMs, retryForMs: 0 }).capsules.getInfo(RUNNING.id);
    await new Client({ url: server.url, apiKey, retryForMs: 0 }).capsules.getInfo(RUNNING.id, { requestTimeoutMs });
  }
});

test("a Retry-After that no timer can wait for is not waited for shortly, however patient the client is", async () => {
  await using server = await fakeServer({
    answer: () => ({ status: 429, body: problem("rate_limited"), headers: { "retry-after": "10000000" } }),
  });
  const client = new Client({ url: server.url, apiKey, retryForMs: Number.POSITIVE_INFINITY });
  await assert.rejects(client.capsules.getInfo(RUNNING.id, { signal: AbortSignal.timeout(500) }), /TimeoutError|aborted due to timeout/);
  assert.equal(server.asked.length, 1);
});

test("JSON that is no object, and an event that is none, are errors and never values", async () => {
  for (const body of ["null", "5", '"text"']) {
    await using server = await fakeServer({ answer: () => ({ body }) });
    await assert.rejects(new Client({ url: server.url, apiKey }).keys.list(), WrongServerError);
  }
  const headers = { "content-type": "text/event-stream" };
  for (const data of ["{damaged", "null", "5"]) {
    await using server = await fakeServer({
      answer: ({ url }) =>
        url === `/v1/capsules/${RUNNING.id}` ? { body: RUNNING } : { headers, body: `id: 1\nevent: any\ndata: ${data}\n\n` },
    });
    const client = new Client({ url: server.url, apiKey });
    const { files } = await client.capsules.connect(RUNNING.id);
    await assert.rejects(client.events.follow().next(), StreamError);
    await assert.rejects(client.templates.buildLog("bd-1").next(), StreamError);
    await assert.rejects(files.watch("/root").next(), StreamError);
  }
});
