import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectTo } from "node:net";
import { test } from "node:test";
import { methodsOf, OPERATION_LIST } from "@capsuled/contract";
import { runRecord } from "../store/testing/records.ts";
import { ClientGoneError, readBytes } from "./read-body.ts";
import { capsuleRecord, IDS, KEYS } from "./testing/fake-services.ts";
import { Pipeline } from "./testing/pipeline.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { connect } from "./testing/socket-client.ts";
import { createWorld } from "./testing/world.ts";

test("unknown paths are a 404 in the same shape, with a key or without", async () => {
  await using world = await createWorld();
  for (const path of ["/v1", "/v1/", "/v1/nope", "/api/v2/capsules", "/healthz/x", "/api/healthz"]) {
    for (const key of [KEYS.member, null]) assert.equal((await problemOf(await world.call("GET", path, { key }))).code, "not_found", path);
  }
});

test("a known path with another method is a 405 that lists the right ones in Allow", async () => {
  await using world = await createWorld();
  for (const [method, path, allow] of [
    ["PUT", "/v1/capsules", "POST, GET, HEAD, OPTIONS"],
    ["PATCH", `/api/v1/capsules/${IDS.running}`, "GET, DELETE, HEAD, OPTIONS"],
    ["GET", `/v1/capsules/${IDS.running}/exec`, "POST, OPTIONS"],
    ["POST", "/healthz", "GET, HEAD, OPTIONS"],
  ] as const) {
    const response = await world
      .call(method, path, { body: "<not json>", headers: { "content-type": "text/xml" } })
      .catch(() => world.call(method, path));
    assert.equal((await problemOf(response)).code, "method_not_allowed", `${method} ${path}`);
    assert.deepEqual(response.headers.get("allow")?.split(", ").toSorted(), allow.split(", ").toSorted(), path);
  }
});

test("HEAD is answered for everything that GET is, without a body", async () => {
  await using world = await createWorld();
  const get = await world.call("GET", `/v1/capsules/${IDS.running}`);
  const head = await world.call("HEAD", `/v1/capsules/${IDS.running}`);
  assert.equal(head.status, 200);
  assert.equal(head.headers.get("content-length"), String((await get.arrayBuffer()).byteLength));
  assert.equal(await head.text(), "");
});

test("an upgrade to something else is answered as if it had not been asked for", async () => {
  await using world = await createWorld();
  await using pipeline = await Pipeline.open(world);
  pipeline.socket.write(
    "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
  );
  assert.equal((await pipeline.answers(1))[0]?.status, 200);
  pipeline.socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  assert.equal((await pipeline.answers(2))[1]?.status, 200);
});

test("a key that the store has to be asked for works like a cached one", async () => {
  await using world = await createWorld();
  assert.equal((await world.call("GET", "/v1/capsules", { key: KEYS.slow })).status, 200);
});

test("without CORS origins no answer lets a page read it; with them only the listed ones", async () => {
  await using closed = await createWorld();
  const none = await closed.call("GET", "/v1/capsules", { headers: { origin: "https://app.example" } });
  assert.equal(none.headers.get("access-control-allow-origin"), null);

  await using world = await createWorld({ config: { corsOrigins: ["https://app.example"] } });
  for (const key of [KEYS.member, null]) {
    const listed = await world.call("GET", "/v1/capsules", { key, headers: { origin: "https://app.example" } });
    assert.equal(listed.headers.get("access-control-allow-origin"), "https://app.example");
    assert.equal(listed.headers.get("vary"), "Origin");
  }
  const foreign = await world.call("GET", "/v1/capsules", { headers: { origin: "https://evil.example" } });
  assert.equal(foreign.headers.get("access-control-allow-origin"), null);
  const preflight = await world.call("OPTIONS", "/v1/capsules", {
    key: null,
    headers: { origin: "https://app.example", "access-control-request-method": "POST" },
  });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /X-API-Key/);
  assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /POST/);
  const refused = await world.call("OPTIONS", "/v1/capsules", { key: null, headers: { origin: "https://evil.example" } });
  assert.equal(refused.headers.get("access-control-allow-methods"), null);
});

test("metrics are for this machine unless opened: what a proxy passes on gets a 404", async () => {
  await using world = await createWorld();
  assert.equal(await (await world.call("GET", "/metrics", { key: null })).text(), "up 1\n");
  for (const header of ["x-forwarded-for", "forwarded"]) {
    assert.equal((await world.call("GET", "/metrics", { key: null, headers: { [header]: "for=203.0.113.9" } })).status, 404);
  }
  await using open = await createWorld({ config: { metricsPublic: true } });
  assert.equal((await open.call("GET", "/metrics", { key: null, headers: { "x-forwarded-for": "203.0.113.9" } })).status, 200);
});

test("health says degraded with 200, and unavailable with 503 and the checks", async () => {
  await using world = await createWorld();
  world.health = { status: "degraded", checks: { driver: "failing" } };
  assert.deepEqual(await (await world.call("GET", "/healthz")).json(), {
    status: "degraded",
    version: "0.1.0",
    checks: { driver: "failing" },
  });
  world.health = { status: "unavailable", checks: { database: "failing" } };
  assert.deepEqual((await problemOf(await world.call("GET", "/healthz"))).details, { checks: { database: "failing" } });
});

test("a list is a plain array, with X-Truncated when there are more, and a page once a limit or cursor is given", async () => {
  await using world = await createWorld();
  world.services.capsules.list = async () => ({ items: [capsuleRecord()], nextCursor: "next" });
  const plain = await world.call("GET", "/v1/capsules");
  assert.equal(plain.headers.get("x-truncated"), "true");
  assert.ok(Array.isArray(await plain.json()));
  const page: unknown = await (await world.call("GET", "/v1/capsules?limit=1")).json();
  assert.ok(typeof page === "object" && page !== null && "next_cursor" in page);
  assert.equal(page.next_cursor, "next");
});

test("metadata filters and the status reach the service; a filter given twice or without a key is a 400", async () => {
  await using world = await createWorld();
  const seen = Promise.withResolvers<unknown>();
  world.services.capsules.list = async (_principal, input) => {
    seen.resolve(input);
    return { items: [], nextCursor: null };
  };
  await world.call("GET", "/v1/capsules?metadata.purpose=a%20b&metadata.x.y=1&status=paused&limit=5&unknown=1");
  assert.deepEqual(await seen.promise, { status: "paused", metadata: { purpose: "a b", "x.y": "1" }, limit: 5, cursor: null });
  for (const query of ["metadata.a=1&metadata.a=2", "metadata.=1", "limit=0", "limit=1&limit=2", "status=gone"]) {
    assert.equal((await problemOf(await world.call("GET", `/v1/capsules?${query}`))).code, "invalid_request", query);
  }
});

test("states between two others show as the nearer public one", async () => {
  await using world = await createWorld();
  for (const [state, status] of [
    ["pausing", "running"],
    ["resuming", "paused"],
    ["stopping", "running"],
    ["destroying", "stopped"],
    ["destroyed", "stopped"],
  ] as const) {
    world.services.capsules.get = async () => capsuleRecord({ state });
    const shown: unknown = await (await world.call("GET", `/v1/capsules/${IDS.running}`)).json();
    assert.ok(typeof shown === "object" && shown !== null && "status" in shown && "startable" in shown);
    assert.deepEqual([shown.status, shown.startable], [status, false]);
  }
});

test("no secret of a row is in an answer", async () => {
  await using world = await createWorld();
  world.services.capsules.get = async () =>
    capsuleRecord({
      sealedEnvs: "sealed-envs",
      sealedSecret: "sealed-secret",
      handle: { driver: "fake", version: 1, data: { path: "/host" } },
    });
  const text = await (await world.call("GET", `/v1/capsules/${IDS.running}`)).text();
  for (const secret of ["sealed-envs", "sealed-secret", "/host", "teamId"]) assert.equal(text.includes(secret), false, secret);
  const keys = await (await world.call("GET", "/v1/api-keys")).text();
  assert.equal(keys.includes("0".repeat(64)), false);
});

test("closing lets a request under way end and refuses what comes after", async () => {
  const world = await createWorld();
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  world.services.access.listTeams = async () => {
    entered.resolve();
    await release.promise;
    return [];
  };
  const answer = world.call("GET", "/v1/teams");
  await entered.promise;
  const closed = world.server.close(5_000);
  await assert.rejects(world.call("GET", "/healthz"));
  release.resolve();
  assert.equal((await answer).status, 200);
  await closed;
});

test("closing ends what does not end in time, sockets with 1001, and leaves what requests began to its own limits", async () => {
  const world = await createWorld();
  const entered = Promise.withResolvers<AbortSignal>();
  world.services.processes.exec = (_principal, _id, _input, signal) => {
    entered.resolve(signal);
    return new Promise(() => {});
  };
  const client = await connect(world, `/v1/capsules/${IDS.running}/exec/stream`);
  const answer = world.call("POST", `/v1/capsules/${IDS.running}/exec`, { json: { cmd: "sleep" } });
  const signal = await entered.promise;
  const failed = assert.rejects(answer);
  await world.server.close(50);
  await failed;
  assert.equal(await client.closed, 1001);
  assert.equal(signal.aborted, false, "its client has not gone, so nothing is killed for that");
});

test("every request has an id of its own", async () => {
  await using world = await createWorld();
  const ids = await Promise.all(Array.from({ length: 50 }, async () => (await world.call("GET", "/healthz")).headers.get("x-request-id")));
  assert.equal(new Set(ids).size, 50);
});

test("every operation is served", async () => {
  await using world = await createWorld();
  for (const operation of OPERATION_LIST) {
    const path = operation.path.replaceAll(/\{\w+\}/g, "x");
    const response = await world.call(methodsOf(operation)[0] ?? "", path, { key: null });
    const isBadge = operation.path.endsWith("badge.svg");
    assert.equal(response.status, isBadge ? 404 : operation.auth === "none" ? 200 : 401, operation.id);
    const body = await response.text();
    if (isBadge) assert.match(body, /There is no such badge/);
  }
});

test("an answer that cannot be written, not even as an error, costs its own connection and nothing else", async () => {
  await using world = await createWorld();
  const run = { ...runRecord({ teamId: "team-a" }), id: "no\nheader" };
  world.runs.get = async () => ({
    run,
    isNew: false,
    isCounted: true,
    ended: Promise.resolve(run),
    read: () => ({ next: async () => undefined, close() {} }),
  });
  await assert.rejects(world.call("GET", `/v1/runs/${"run-".padEnd(29, "1")}/output`));
  assert.equal((await world.call("GET", "/healthz")).status, 200);
  assert.ok(world.log.some(({ level, message }) => level === "error" && /could not be written/.test(message)));
});

test("a request whose client has gone before its body was asked for is over", async () => {
  const read = Promise.withResolvers<unknown>();
  const server = createServer((request) => {
    // As it is while a caller's key is looked up.
    request.once("close", () => read.resolve(readBytes(request)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const client = connectTo(address.port, "127.0.0.1");
  server.once("request", () => client.destroy());
  client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
  await assert.rejects(read.promise, ClientGoneError);
  server.close();
});

test("a request that tells of no body is not listened to for one", async () => {
  const server = createServer((request, response) => {
    void readBytes(request).then((body) => response.end(JSON.stringify([body.length, request.listenerCount("data")])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  for (const body of [null, "", "x"]) {
    const response = await fetch(`http://127.0.0.1:${address.port}`, { method: "POST", body });
    assert.deepEqual(await response.json(), body === "x" ? [1, 1] : [0, 0]);
  }
  server.closeAllConnections();
  server.close();
});
