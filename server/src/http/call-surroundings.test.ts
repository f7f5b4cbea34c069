import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { callEventsOf, inShort } from "./testing/call-events.ts";
import { OWNER } from "./testing/fake-endpoints.ts";
import { KEYS } from "./testing/fake-services.ts";
import { Pipeline } from "./testing/pipeline.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { publish } from "./testing/requests.ts";
import type { CallOptions, World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const CALL = `/v1/${OWNER}/job`;
const JSON_ONLY = { accept: "application/json" };
const RUN = `run-${"1".padStart(25, "0")}`;
const SECRET = "a good secret";

async function worldWith(
  definition: Readonly<Record<string, unknown>> = {},
  settings: Parameters<typeof createWorld>[0] = {},
): Promise<World> {
  const world = await createWorld(settings);
  await publish(world, "job", { command: "cat", ...definition });
  return world;
}

function signed(body: string, headers: Readonly<Record<string, string>> = {}): CallOptions {
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  return { key: null, body, headers: { "x-hub-signature-256": `sha256=${signature}`, "x-github-event": "push", ...headers } };
}

const HOOK = { public: true, trigger: "webhook", webhook_source: "github", secret: SECRET };

test("a webhook's delivery is checked by its signature, goes to standard input as it is, and is answered 202", async () => {
  await using world = await worldWith({ ...HOOK, args: [{ name: "site" }] });
  const body = '{"ref" :  "refs/heads/main"}';
  const response = await world.call("POST", `${CALL}?site=a`, signed(body));
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { run_id: RUN, status: "succeeded" });
  const { request } = world.runs.last;
  assert.equal(Buffer.from(request.stdin ?? []).toString(), body);
  assert.deepEqual([request.source, request.keyId, request.mode, request.args], ["webhook", null, "async", { site: "a" }]);
});

test("a delivery that is not signed, or otherwise, is a 401 that repeats nothing of the right signature, and runs nothing", async () => {
  await using world = await worldWith(HOOK);
  const good = signed("{}").headers ?? {};
  for (const headers of [
    {},
    { ...good, "x-hub-signature-256": `sha256=${"0".repeat(64)}` },
    { ...good, "x-hub-signature-256": "sha256=" },
    { ...good, "x-hub-signature-256": "junk" },
  ]) {
    const problem = await problemOf(await world.call("POST", CALL, { key: null, body: "{}", headers }));
    assert.equal(problem.code, "invalid_signature");
    assert.ok(!JSON.stringify(problem).includes((good["x-hub-signature-256"] ?? "").slice(7)));
  }
  assert.equal((await problemOf(await world.call("POST", CALL, { ...signed("{}"), body: "{} " }))).code, "invalid_signature");
  assert.equal(world.runs.all.length, 0);
});

test("one delivery runs once, also when its sender changes what it sends; another one runs too", async () => {
  await using world = await worldWith(HOOK);
  const ids: unknown[] = [];
  for (const [body, delivery, replayed] of [
    ["{}", "one", null],
    ["{}", "one", "true"],
    ['{"attempt":3}', "one", "true"],
    ["{}", "two", null],
    ["{}", "x".repeat(5000), null],
    ["{}", "x".repeat(5000), "true"],
  ] as const) {
    const response = await world.call("POST", CALL, signed(body, { "x-github-delivery": delivery }));
    assert.deepEqual([response.status, response.headers.get("idempotent-replayed")], [202, replayed]);
    ids.push(Reflect.get(Object(await response.json()), "run_id"));
  }
  assert.equal(new Set(ids).size, 3);
  const listed: unknown = await (await world.call("GET", "/v1/runs")).json();
  assert.match(JSON.stringify(listed), /"delivery_id":"one"/);
});

test("an event that the endpoint does not ask for is answered 200 and ignored; GitHub's may name an action", async () => {
  await using world = await worldWith({ ...HOOK, webhook_events: ["push", "pull_request.opened"] });
  for (const [event, body, isIgnored] of [
    ["push", "{}", false],
    ["ping", "{}", true],
    ["pull_request", '{"action":"closed"}', true],
    ["pull_request", '{"action":"opened"}', false],
  ] as const) {
    const response = await world.call("POST", CALL, signed(body, { "x-github-event": event }));
    assert.equal(response.status, isIgnored ? 200 : 202);
    const answer: unknown = await response.json();
    if (isIgnored) assert.deepEqual(answer, { ignored: true, event });
  }
  assert.equal(world.runs.all.length, 2);
});

test("async: false lets a webhook's sender wait, and a secret may be a variable of the endpoint", async () => {
  await using world = await worldWith({ ...HOOK, async: false, secret: ["$HOOK_SECRET", "another one"], envs: { HOOK_SECRET: SECRET } });
  const options = signed("{}");
  const response = await world.call("POST", CALL, { ...options, headers: { ...options.headers, ...JSON_ONLY } });
  assert.equal(response.status, 200);
  assert.equal(Reflect.get(Object(await response.json()), "output"), "hello\n");
});

test("a private webhook needs a key beside its signature", async () => {
  await using world = await worldWith({ ...HOOK, public: false });
  assert.equal((await problemOf(await world.call("POST", CALL, signed("{}")))).code, "unauthorized");
  assert.equal((await world.call("POST", CALL, { ...signed("{}"), key: KEYS.member })).status, 202);
});

async function ticketFor(world: World, path: string, method = "GET"): Promise<string> {
  const response = await world.call("POST", "/v1/tickets", { json: { method, path } });
  assert.equal(response.status, 201, await response.clone().text());
  return String(Reflect.get(Object(await response.json()), "ticket"));
}

test("a ticket stands for a key once, for its own request, and is no argument", async () => {
  await using world = await worldWith({ args: [{ name: "a" }] });
  const ticket = await ticketFor(world, `${CALL}?a=x`);
  for (const path of [`${CALL}?a=y&ticket=${ticket}`, `/v1/${OWNER}/other?a=x&ticket=${ticket}`, `/v1/events?ticket=${ticket}`]) {
    assert.equal((await world.call("GET", path, { key: null })).status, 401, path);
  }
  const first = await world.call("GET", `/api${CALL}?ticket=${ticket}&a=x`, { key: null });
  assert.equal(first.status, 200);
  await first.text();
  assert.deepEqual([world.runs.last.request.args, world.runs.last.request.source], [{ a: "x" }, "api"]);
  assert.equal((await world.call("GET", `${CALL}?a=x&ticket=${ticket}`, { key: null })).status, 401);
  assert.equal(world.runs.all.length, 1);
});

test("a spent ticket lets its EventSource come back to its run, and stop after the last event", async () => {
  await using world = await worldWith();
  const path = `${CALL}?ticket=${await ticketFor(world, CALL)}`;
  const events = await callEventsOf(await world.call("GET", path, { key: null }));
  const again = await world.call("GET", path, { key: null, headers: { "last-event-id": events[0]?.id ?? "" } });
  assert.deepEqual(await callEventsOf(again), events.slice(1));
  assert.equal((await world.call("GET", path, { key: null, headers: { "last-event-id": events.at(-1)?.id ?? "" } })).status, 204);
  const other = `run-${"2".padStart(25, "0")}.0.0`;
  assert.equal((await world.call("GET", path, { key: null, headers: { "last-event-id": other } })).status, 401);
});

test("tickets open runs' streams and events' streams, sockets too, and nothing else", async () => {
  await using world = await worldWith();
  await (await world.call("GET", CALL)).text();
  for (const path of [`/v1/runs/${RUN}/stream`, "/v1/events/stream?from=start"]) {
    const ticket = await ticketFor(world, path);
    const response = await world.call("GET", `${path}${path.includes("?") ? "&" : "?"}ticket=${ticket}`, { key: null });
    assert.equal(response.status, 200, path);
    await response.body?.cancel();
  }
  await ticketFor(world, "/v1/capsules/x/exec/stream");
  for (const path of ["/v1/runs", "/v1/capsules", "/nonsense", "//"]) {
    const problem = await problemOf(await world.call("POST", "/v1/tickets", { json: { path } }));
    assert.deepEqual([problem.code, problem.details?.["field"]], ["invalid_request", "path"], path);
  }
});

test("a ticket is in no log", async () => {
  await using world = await worldWith({}, { config: { logRequests: true } });
  const ticket = await ticketFor(world, CALL);
  await (await world.call("GET", `${CALL}?ticket=${ticket}`, { key: null })).text();
  await (await world.call("GET", `${CALL}?ticket=${ticket}`, { key: null })).text();
  assert.ok(world.log.length > 2);
  assert.equal(JSON.stringify(world.log).includes(ticket), false);
});

test("calls are counted by key, and without one by address; headers say what is left, and when", async () => {
  await using world = await worldWith({ public: true }, { config: { callRate: 2, publicCallRate: 1 } });
  const now = Date.UTC(2026, 0, 1);
  world.clock.now = () => now;
  const headersOf = (response: Response): readonly (string | null)[] =>
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"].map((name) => response.headers.get(name));
  const call = (key: string | null, address?: string): Promise<Response> =>
    world.call("GET", CALL, { key, headers: { ...JSON_ONLY, ...(address === undefined ? {} : { "x-forwarded-for": address }) } });
  assert.deepEqual(headersOf(await call(KEYS.member)), ["2", "1", "30", null]);
  assert.deepEqual(headersOf(await call(KEYS.member)), ["2", "0", "60", null]);
  const refused = await call(KEYS.member);
  assert.deepEqual(headersOf(refused), ["2", "0", "60", "30"]);
  assert.equal((await problemOf(refused)).code, "rate_limited");
  assert.equal((await call(KEYS.other)).status, 200, "another key has its own");
  assert.equal((await call(null)).status, 200);
  assert.equal((await call(null)).status, 429);
  assert.equal((await call(null, "198.51.100.7, 203.0.113.9")).status, 200, "what a proxy on this machine says");
  assert.equal((await call(null, "spoofed, 203.0.113.9")).status, 429, "is the last address of its list");
  assert.equal((await call(null, "2001:db8::1")).status, 200);
  assert.equal((await call(null, "2001:db8::2")).status, 429, "a /64 is one caller");
  assert.equal((await call(null, "2001:db8:0:1::2")).status, 200);
  world.clock.now = () => now + 60_000;
  assert.equal((await call(null)).status, 200);
});

test("without limits there are no headers of them", async () => {
  await using world = await worldWith();
  const response = await world.call("GET", CALL, { headers: JSON_ONLY });
  assert.equal(response.headers.get("x-ratelimit-limit"), null);
});

test("with on_disconnect: kill a run ends when the last of its callers has gone; otherwise it goes on", async () => {
  await using world = await worldWith({ on_disconnect: "kill" });
  await publish(world, "stays", { command: "cat" });
  world.runs.script = () => {};
  const read = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Pipeline> => {
    const pipeline = await Pipeline.open(world);
    const more = Object.entries({ "X-API-Key": KEYS.member, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    pipeline.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${more.join("")}\r\n`);
    return pipeline;
  };
  const untilReaders = async (count: number): Promise<void> => {
    while (world.runs.all.length === 0 || world.runs.last.readers !== count) await new Promise((resolve) => setImmediate(resolve));
  };
  const first = await read(CALL);
  await untilReaders(1);
  const second = await read(CALL, { "Last-Event-ID": `${RUN}.0.0` });
  await untilReaders(2);
  first.socket.destroy();
  await untilReaders(1);
  assert.deepEqual(world.runs.abandoned, []);
  second.socket.destroy();
  await world.runs.last.ended;
  assert.deepEqual(world.runs.abandoned, [RUN]);
  const third = await read(`/v1/${OWNER}/stays`);
  while (world.runs.all.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await untilReaders(1);
  third.socket.destroy();
  await untilReaders(0);
  assert.deepEqual(world.runs.abandoned, [RUN]);
});

test("a reader that takes nothing is let go after a while, with little in memory, and the run goes on", async () => {
  await using world = await worldWith({}, { streams: { stallMs: 300 } });
  world.runs.script = (run) => {
    for (let count = 0; count < 400; count += 1) run.print("stdout", `${"x".repeat(99)}\n`.repeat(650));
  };
  await using pipeline = await Pipeline.open(world);
  pipeline.socket.pause();
  pipeline.socket.write(`GET ${CALL} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n\r\n`);
  while (world.runs.all.length === 0 || world.runs.last.readers === 0) await new Promise((resolve) => setImmediate(resolve));
  const before = process.memoryUsage().arrayBuffers;
  while (world.runs.last.readers > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024, "what waits for it is bounded");
  assert.equal(world.runs.last.isOver, false);
  assert.deepEqual(world.runs.abandoned, []);
});

test("a revoked key ends its streams; the run goes on", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => run.print("stdout", "one\n");
  const response = await world.call("GET", CALL);
  world.services.revoke(`key-${"2".repeat(25)}`);
  assert.deepEqual((await callEventsOf(response)).map(inShort), ["one"]);
  assert.equal(world.runs.last.isOver, false);
});

test("a server that stops ends its streams where an event ends, and kills no run for it", async () => {
  const world = await worldWith({ on_disconnect: "kill" });
  world.runs.script = (run) => run.print("stdout", "one\nhalf a line");
  const response = await world.call("GET", CALL);
  const text = response.text();
  while (world.runs.last.readers === 0) await new Promise((resolve) => setImmediate(resolve));
  await world.server.close(2000);
  assert.ok((await text).endsWith("\n\n"));
  assert.deepEqual(world.runs.abandoned, []);
});

test("streams of runs are bounded, and none is begun that nobody could follow", async () => {
  await using world = await worldWith({}, { streams: { runStreams: { all: 1, anonymous: 1, team: 9, address: 9 } } });
  world.runs.script = () => {};
  const held = await world.call("GET", CALL);
  assert.equal((await problemOf(await world.call("GET", CALL))).code, "unavailable");
  assert.equal(world.runs.all.length, 1);
  await held.body?.cancel();
});

test("a page of a listed origin may call, resume and read the run's headers; a preflight of any call's path is answered", async () => {
  await using world = await worldWith({ public: true }, { config: { corsOrigins: ["https://app.example"], publicCallRate: 10 } });
  const origin = "https://app.example";
  const preflight = await world.call("OPTIONS", CALL, { key: null, headers: { origin, "access-control-request-method": "POST" } });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /X-API-Key.*Last-Event-ID/);
  assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /GET, POST, PUT, PATCH, DELETE/);
  const response = await world.call("GET", CALL, { key: null, headers: { origin } });
  assert.equal(response.headers.get("access-control-allow-origin"), origin);
  assert.match(response.headers.get("access-control-expose-headers") ?? "", /X-Run-Id, X-RateLimit-Limit/);
  await response.text();
  const foreign = await world.call("GET", CALL, { key: null, headers: { origin: "https://evil.example" } });
  assert.equal(foreign.headers.get("access-control-allow-origin"), null);
  await foreign.text();
});

test("paths of the API's own keep their methods and their 404, whatever a call's path looks like", async () => {
  await using world = await worldWith();
  for (const [method, path, status] of [
    ["PUT", "/v1/capsules/x", 405],
    ["GET", "/v1/events/x", 404],
    ["GET", "/v1/admin/x", 404],
    ["PATCH", "/v1/endpoints/job", 405],
    ["GET", "/api/v1/teams/x", 404],
  ] as const) {
    assert.equal((await world.call(method, path)).status, status, `${method} ${path}`);
  }
});

test("badges are images that hold nothing but their two texts; only public endpoints have one", async () => {
  await using world = await worldWith({ public: true });
  await publish(world, "private", { command: "cat" });
  const badge = async (path: string): Promise<string> => {
    const response = await world.call("GET", path, { key: null });
    assert.deepEqual([response.status, response.headers.get("content-type")], [200, "image/svg+xml; charset=utf-8"], path);
    assert.match(response.headers.get("cache-control") ?? "", /no-store|no-cache/);
    const svg = await response.text();
    assert.doesNotMatch(svg, /<script|href|onload|url\((?!#edge\))/i);
    return /<title>(.*)<\/title>/.exec(svg)?.[1] ?? "";
  };
  assert.equal(await badge(`/${OWNER}/badge.svg`), "capsuled: 1 endpoint");
  assert.equal(await badge(`/${OWNER}/job/badge.svg`), "job: no runs");
  for (const [facts, text] of [
    [{}, "passing"],
    [{ status: "failed", exitCode: 2 }, "failing (2)"],
    [{ status: "timed_out", exitCode: 137 }, "timed out"],
    [{ status: "error", exitCode: null }, "error"],
  ] as const) {
    world.runs.script = (run) => run.end(facts);
    await (await world.call("GET", CALL)).text();
    assert.equal(await badge(`/${OWNER}/job/badge.svg`), `job: ${text}`);
  }
  for (const path of [
    `/${OWNER}/private/badge.svg`,
    `/${OWNER}/absent/badge.svg`,
    "/nobody/badge.svg",
    "/v1/badge.svg",
    "/docs/badge.svg",
  ]) {
    assert.equal((await world.call("GET", path, { key: null })).status, 404, path);
  }
});
