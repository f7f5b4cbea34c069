import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation, OperationId } from "@capsuled/contract";
import { OPERATIONS } from "@capsuled/contract";
import { fail } from "../core/fail.ts";
import { EXEC_ANSWER_CHARS_MAX } from "./named-request.ts";
import { capsuleRecord, KEYS } from "./testing/fake-services.ts";
import { endOf } from "./testing/fake-stream.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { GOOD_REQUESTS } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const ids = Object.keys(OPERATIONS).filter((id): id is OperationId => id in OPERATIONS);
const named = ids.filter((id) => {
  const operation: Operation = OPERATIONS[id];
  // A call's key names its run, not its answer; calls.test.ts has that.
  return operation.idempotency === "with_key" && operation.socket === undefined && id !== "callEndpoint";
});

function send(world: World, id: OperationId, key: string, json: unknown = GOOD_REQUESTS[id].json, prefix = ""): Promise<Response> {
  const { method, path, key: apiKey } = GOOD_REQUESTS[id];
  return world.call(method, prefix + path, {
    key: apiKey ?? KEYS.member,
    headers: { "idempotency-key": key },
    ...(json === undefined ? {} : { json }),
  });
}

function jsonObject(id: OperationId): object {
  const { json } = GOOD_REQUESTS[id];
  return typeof json === "object" && json !== null ? json : {};
}

/** A world in which every good request succeeds. */
async function createGoodWorld(): Promise<World> {
  const world = await createWorld();
  world.services.capsules.start = async () => capsuleRecord();
  const { copy } = world.services.files;
  world.services.files.remove = async () => undefined;
  world.services.files.move = async (principal, id, placement) => (await copy(principal, id, placement, true)).entry;
  return world;
}

/** Counts how often a service is called, whatever it is. */
function countCalls(world: World): () => number {
  let calls = 0;
  for (const service of [
    world.services.capsules,
    world.services.templates,
    world.services.builds,
    world.services.processes,
    world.services.access,
    world.services.files,
  ]) {
    for (const name of Object.keys(service)) {
      const method: unknown = Reflect.get(service, name);
      if (typeof method !== "function" || ["authenticate", "onRevoked", "onCapsuleGone"].includes(name)) continue;
      const counted = (...given: unknown[]): unknown => {
        calls += 1;
        const outcome: unknown = method.call(service, ...given);
        return outcome;
      };
      Object.assign(service, { [name]: counted });
    }
  }
  return () => calls;
}

test("every operation that is not repeatable by itself takes a key, and the others ignore it", () => {
  assert.deepEqual(named.toSorted(), [
    "copyFile",
    "createCapsule",
    "createKey",
    "createSnapshot",
    "createTeam",
    "createTemplate",
    "exec",
    "forkCapsule",
    "killProcess",
    "makeDirectory",
    "moveFile",
    "pauseCapsule",
    "removeFile",
    "resumeCapsule",
    "startCapsule",
    "stopCapsule",
  ]);
});

for (const id of named) {
  test(`${id} with a key is done once: a repeat gets the same answer, and a header that says so`, async () => {
    await using world = await createGoodWorld();
    const request = GOOD_REQUESTS[id];
    await send(world, id, "warm-up");
    const calls = countCalls(world);
    const first = await send(world, id, "my key");
    const second = await send(world, id, "my key", request.json, "/api");
    assert.equal(first.status, request.status);
    assert.equal(second.status, request.status);
    assert.equal(first.headers.get("idempotent-replayed"), null);
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.notEqual(first.headers.get("x-request-id"), second.headers.get("x-request-id"));
    assert.equal(await second.text(), await first.text());
    assert.equal(calls(), 1);
  });

  test(`${id} idempotency_conflict: the same key with another body or path`, async () => {
    await using world = await createGoodWorld();
    await send(world, id, "my key");
    const { path } = GOOD_REQUESTS[id];
    const other = named.find((each) => each !== id && GOOD_REQUESTS[each].key === GOOD_REQUESTS[id].key) ?? id;
    const error = await problemOf(await send(world, other, "my key"));
    assert.equal(error.code, "idempotency_conflict");
    assert.equal(error.details?.["differs"], "request");
    assert.ok(String(error.details?.["first_request"]).includes(path.split("?")[0] ?? ""), String(error.details?.["first_request"]));
    const operation: Operation = OPERATIONS[id];
    if (operation.body === null) return;
    const changed = await problemOf(await send(world, id, "my key", { ...jsonObject(id), name: "another" }));
    assert.deepEqual([changed.code, changed.details?.["differs"]], ["idempotency_conflict", "body"]);
  });

  test(`${id} invalid_request: keys that are empty, too long or not printable`, async () => {
    await using world = await createGoodWorld();
    for (const key of ["", "x".repeat(256), "x".repeat(10_000), "caf\u00e9"]) {
      const error = await problemOf(await send(world, id, key));
      assert.deepEqual([error.code, error.details?.["field"]], ["invalid_request", "Idempotency-Key"]);
    }
  });
}

test("50 of the same request at once are done once", async () => {
  await using world = await createGoodWorld();
  let made = 0;
  world.services.capsules.create = async () => {
    made += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return { record: capsuleRecord({ name: `made ${made}` }), isNew: true };
  };
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => send(world, "createCapsule", "key").then((response) => response.text())),
  );
  assert.equal(made, 1);
  assert.equal(new Set(answers).size, 1);
});

test("an error is repeated with its own request id and the header; one that may pass is not", async () => {
  await using world = await createGoodWorld();
  let error = fail("not_found", "There is no template named x.");
  let calls = 0;
  world.services.capsules.create = async () => {
    calls += 1;
    throw error;
  };
  const first = await send(world, "createCapsule", "a");
  const second = await send(world, "createCapsule", "a");
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  const [one, two] = [await problemOf(first), await problemOf(second)];
  assert.equal(one.message, two.message);
  assert.notEqual(one.request_id, two.request_id);
  assert.equal(calls, 1);
  error = fail("host_full");
  for (let times = 0; times < 2; times += 1) assert.equal((await problemOf(await send(world, "createCapsule", "b"))).code, "host_full");
  assert.equal(calls, 3);
});

test("a short result of a command is kept, a long one is read from its journal again", async () => {
  await using world = await createGoodWorld();
  const stages: (string | undefined)[] = [];
  const lengths = [10, EXEC_ANSWER_CHARS_MAX];
  for (const [index, length] of lengths.entries()) {
    const stdout = Buffer.alloc(length, "x");
    world.services.processes.exec = async (_principal, _id, _input, _signal, intent) => {
      stages.push(intent?.stage);
      return { kind: "ended", end: endOf({ stdoutBytes: length }), stdout, stderr: new Uint8Array(0) };
    };
    const [first, second] = [await send(world, "exec", `key ${index}`), await send(world, "exec", `key ${index}`)];
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.equal(await second.text(), await first.text());
  }
  assert.deepEqual(stages, ["new", "new", "done"]);
});

test("the client of a command with a key may go: the command is not its client's", async () => {
  await using world = await createGoodWorld();
  const entered = Promise.withResolvers<boolean>();
  const release = Promise.withResolvers<void>();
  world.services.processes.exec = async (_principal, _id, _input, _signal, intent) => {
    entered.resolve(intent !== undefined);
    await release.promise;
    return { kind: "ended", end: endOf({ stdoutBytes: 2 }), stdout: Buffer.from("ok"), stderr: new Uint8Array(0) };
  };
  const gone = new AbortController();
  const { path, json } = GOOD_REQUESTS.exec;
  const headers = { "x-api-key": KEYS.member, "content-type": "application/json", "idempotency-key": "key" };
  const first = fetch(world.url + path, { method: "POST", headers, body: JSON.stringify(json), signal: gone.signal }).catch(() => null);
  assert.equal(await entered.promise, true);
  gone.abort();
  await first;
  const second = send(world, "exec", "key");
  release.resolve();
  const answer = await second;
  assert.equal(answer.headers.get("idempotent-replayed"), "true");
  assert.match(await answer.text(), /"stdout":"ok"/);
});

test("createCapsule conflict and 200: a taken name is refused with the id that has it, or that capsule is given back", async () => {
  await using world = await createGoodWorld();
  const asked: (string | undefined)[] = [];
  world.services.capsules.create = async (_principal, _input, options) => {
    asked.push(options?.onConflict);
    if (options?.onConflict !== "return") throw fail("conflict", "taken", { details: { field: "name", id: "cl-x" } });
    return { record: capsuleRecord({ name: "web" }), isNew: false };
  };
  const refused = await problemOf(await world.call("POST", "/v1/capsules", { json: { name: "web" } }));
  assert.deepEqual([refused.code, refused.details?.["id"]], ["conflict", "cl-x"]);
  assert.equal((await world.call("POST", "/v1/capsules?on_conflict=return", { json: { name: "web" } })).status, 200);
  assert.deepEqual(asked, ["fail", "return"]);
  assert.equal((await world.call("POST", "/v1/capsules?on_conflict=maybe", { json: {} })).status, 400);
});
