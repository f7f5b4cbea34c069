import assert from "node:assert/strict";
import { test } from "node:test";
import { OWNER } from "./testing/fake-endpoints.ts";
import { capsuleRecord, IDS } from "./testing/fake-services.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { GOOD_REQUESTS, prepare, publish } from "./testing/requests.ts";
import { connect } from "./testing/socket-client.ts";
import { createWorld } from "./testing/world.ts";

const exec = `/v1/capsules/${IDS.running}/exec`;

test("GET / leads people and programs on, and takes no other method", async () => {
  await using world = await createWorld();
  const response = await world.call("GET", "/?from=somewhere", { key: null });
  assert.deepEqual([response.status, response.headers.get("location")], [302, "/docs"]);
  assert.deepEqual(await response.json(), { docs: "/docs", openapi: "/openapi.json", health: "/healthz", api: "/v1" });
  const head = await world.call("HEAD", "/", { key: null });
  assert.deepEqual([head.status, await head.text()], [302, ""]);
  assert.equal((await world.call("POST", "/", { key: null })).status, 404);
});

test("what answers GET answers HEAD alike, without a body", async () => {
  await using world = await createWorld();
  await prepare(world);
  // A call runs a command and a socket is an upgrade; streams have no end that a GET could wait for.
  const left: readonly string[] = ["callEndpoint", "streamEvents", "streamRun"];
  const gets = Object.entries(GOOD_REQUESTS).filter(([id, { method, status }]) => method === "GET" && status === 200 && !left.includes(id));
  assert.ok(gets.length >= 15, `${gets.length}`);
  for (const [, { path, key }] of gets) {
    const options = key === undefined ? {} : { key };
    const get = await world.call("GET", path, options);
    await get.arrayBuffer();
    const head = await world.call("HEAD", path, options);
    assert.deepEqual([head.status, await head.text()], [get.status, ""], path);
    assert.equal(head.headers.get("content-type"), get.headers.get("content-type"), path);
  }
  for (const id of ["streamEvents", "streamRun"] as const)
    assert.deepEqual(
      await world.call("HEAD", GOOD_REQUESTS[id].path).then(async (head) => [head.status, await head.text()]),
      [200, ""],
      id,
    );
});

test("a 401 says what it wants: a key, a signature, or another ticket", async () => {
  await using world = await createWorld();
  await prepare(world);
  const noKey = await world.call("GET", "/v1/capsules", { key: null });
  assert.equal(noKey.headers.get("www-authenticate"), 'ApiKey header="X-API-Key"');
  await publish(world, "hook", { command: "cat", trigger: "webhook", public: true, secret: "a good secret" });
  const unsigned = await world.call("POST", `/v1/${OWNER}/hook`, { key: null, body: "{}" });
  assert.deepEqual([unsigned.status, unsigned.headers.get("www-authenticate")], [401, "Signature"]);
  const { ticket } = (await (await world.call("POST", "/v1/tickets", { json: { path: "/v1/events/stream" } })).json()) as {
    readonly ticket: string;
  };
  const first = await world.call("GET", `/v1/events/stream?ticket=${ticket}`, { key: null });
  assert.equal(first.status, 200);
  await first.body?.cancel();
  const { message } = await problemOf(await world.call("GET", `/v1/events/stream?ticket=${ticket}`, { key: null }));
  assert.match(message, /^The ticket is used, older than 30 s.*POST \/v1\/tickets/);
});

test("fields that an operation ignores, since documented clients send them, are named in a header", async () => {
  await using world = await createWorld();
  const plain = await world.call("POST", exec, { json: { cmd: "hello" } });
  assert.equal(plain.headers.get("x-ignored-fields"), null);
  const odd = await world.call("POST", `${exec}?trace=1`, { json: { cmd: "hello", tiemout: 5, "a b\r\n": 1, é: 1, "\ud800": 1 } });
  assert.equal(odd.status, 200);
  assert.equal(odd.headers.get("x-ignored-fields"), "trace, tiemout, a%20b%0D%0A, %C3%A9, %EF%BF%BD");
  const refused = await world.call("POST", exec, { json: { cnd: "hello" } });
  assert.deepEqual([refused.status, refused.headers.get("x-ignored-fields")], [400, "cnd"]);
  const many = await world.call("POST", exec, {
    json: { cmd: "x", ...Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`f${at}`, at])) },
  });
  assert.equal(many.headers.get("x-ignored-fields")?.split(", ").length, 20);
});

test("an unknown field of our own operations is refused with the one that was meant", async () => {
  await using world = await createWorld();
  const { details } = await problemOf(await world.call("PATCH", `/v1/capsules/${IDS.running}/network`, { json: { egres: "none" } }));
  assert.match(JSON.stringify(details), /"egres","message":"is not a known field; did you mean egress\?"/);
  const query = await problemOf(await world.call("GET", "/v1/runs?limitt=5"));
  assert.match(JSON.stringify(query.details), /did you mean limit\?/);
});

test("a capsule's name stands for its id in a path, in sockets too; not where it is destroyed, and not another team's", async () => {
  await using world = await createWorld();
  const { capsules } = world.services;
  const asked: string[] = [];
  capsules.findId = async (principal, name) => (
    asked.push(name),
    principal.teamId === IDS.team && name === "my box" ? IDS.running : undefined
  );
  const named = await world.call("POST", "/v1/capsules/my%20box/exec", { json: { cmd: "hello" } });
  assert.equal(named.status, 200);
  assert.equal((await world.call("GET", "/api/v1/capsules/my%20box", {})).status, 200);
  const client = await connect(world, "/v1/capsules/my%20box/exec/stream");
  client.socket.close();
  await client.closed;
  assert.deepEqual(asked, ["my box", "my box", "my box"]);
  assert.equal((await world.call("POST", exec, { json: { cmd: "hello" } })).status, 200);
  assert.equal(asked.length, 3, "an id needs no look");
  assert.equal((await world.call("DELETE", "/v1/capsules/my%20box")).status, 404);
  assert.equal((await world.call("GET", "/v1/capsules/other")).status, 404);
  assert.equal(capsuleRecord().name, null);
});
