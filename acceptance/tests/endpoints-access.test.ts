import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall, expectError, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, request, streamOf } from "../harness/endpoint.ts";
import { PAGES_ORIGIN } from "../harness/server-process.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

test("a private endpoint is the same as none for whoever is not of its team; a public one is for everybody", async () => {
  const stranger = await newTeam();
  await using own = await publish({ command: "echo own", capsule: capsule.id });
  await using open = await publish({ command: "echo open", public: true, capsule: capsule.id });
  const nowhere = `/v1/${own.owner}/no-such-endpoint`;
  for (const [key, status] of [
    [null, 401],
    ["wrn_wrong", 401],
    [stranger.key, 404],
  ] as const) {
    const seen = await Promise.all(
      [own.path, nowhere].map(async (path) => {
        const response = await request(path, { key });
        const error = property(await response.json(), "error");
        return [response.status, property(error, "code"), property(error, "message")];
      }),
    );
    assert.equal(seen[0]?.[0], status);
    assert.deepEqual(seen[0], seen[1], "nothing tells that there is one");
  }
  for (const key of [null, stranger.key, own.key]) assert.equal((await open.json({ key })).output, "open\n");
  assert.equal((await request(open.path, { key: "wrn_wrong" })).status, 401, "a wrong key is wrong for a public endpoint too");
  const { run_id: id } = await open.json({ key: stranger.key });
  await expectError("getRun", "not_found", { key: stranger.key, params: { id } });
  assert.equal((await getRun(id)).source, "public");
});

test("two teams have endpoints of one name, and neither's key reaches the other's definition", async () => {
  const [one, two] = [await newTeam(), await newTeam()];
  await using first = await publish({ command: "echo first" }, { key: one.key, name: "same-name" });
  await using second = await publish({ command: "echo second" }, { key: two.key, name: "same-name" });
  assert.notEqual(first.path, second.path);
  assert.equal((await first.json()).output, "first\n");
  assert.equal((await second.json()).output, "second\n");
  await expectCall("deleteEndpoint", 204, { key: two.key, params: { name: "same-name" } });
  assert.equal((await first.json()).output, "first\n");
});

test("no team can have a slug that is a path of the API", async () => {
  for (const slug of ["endpoints", "runs", "capsules", "tickets", "teams", "keys", "events", "docs", "healthz", "v1", "api"])
    await expectError("createTeam", "invalid_request", { body: { name: "x", slug } });
});

test("a key that is revoked is refused by the endpoint it called", async () => {
  const team = await newTeam();
  await using one = await publish({ command: "echo hi" }, { key: team.key });
  const { id, key } = await expectCall("createKey", 201, { key: team.key, body: { name: "caller", role: "member" } });
  assert.equal((await one.json({ key })).output, "hi\n");
  await expectCall("revokeKey", 204, { key: team.key, params: { key_id: id } });
  assert.equal((await one.call({ key })).status, 401);
});

test("a ticket stands for a key: for 30 s, for one use, for that request only, and only where tickets are taken", async () => {
  await using one = await publish({ command: "echo", args: [{ name: "who" }], capsule: capsule.id });
  const make = async (path: string): Promise<string> => (await expectCall("createTicket", 201, { body: { path } })).ticket;
  const target = `${one.path}?who=page`;
  const ticket = await make(target);
  const url = `${target}&ticket=${ticket}`;
  await using stream = await streamOf(url, { key: null });
  await stream.over();
  assert.deepEqual(stream.lines(), ["page"]);
  assert.deepEqual((await getRun(stream.runId)).args, { who: "page" }, "the ticket is no argument, and is not kept");
  assert.equal((await request(url, { key: null })).status, 401, "a second use");
  for (const [path, method] of [
    [`${one.path}?who=other`, "GET"],
    [target, "POST"],
    [one.path, "GET"],
  ] as const) {
    const fresh = await make(target);
    const separator = path.includes("?") ? "&" : "?";
    assert.equal((await request(`${path}${separator}ticket=${fresh}`, { key: null, method })).status, 401, `${method} ${path}`);
  }
  assert.equal((await request(`${target}&ticket=tk-${"0".repeat(25)}`, { key: null })).status, 401);
  for (const path of ["/v1/capsules", "/v1/teams", "/v1/endpoints"])
    await expectError("createTicket", "invalid_request", { body: { path } });
  assert.equal((await request(`/v1/endpoints?ticket=${await make(target)}`, { key: null })).status, 401);
  await expectError("createTicket", "unauthorized", { key: null, body: { path: target } });
});

test("with its ticket a page comes back to the run that it began, by the last id, and to no other", async () => {
  await using one = await publish({ command: "seq 5", capsule: capsule.id });
  const { ticket } = await expectCall("createTicket", 201, { body: { path: one.path } });
  await using stream = await streamOf(`${one.path}?ticket=${ticket}`, { key: null });
  await stream.over();
  const [, second] = stream.seen;
  const back = { "last-event-id": second?.id ?? "" };
  await using rest = await streamOf(`${one.path}?ticket=${ticket}`, { key: null, headers: back });
  await rest.over();
  assert.deepEqual(rest.lines(), ["3", "4", "5"]);
  const end = await request(`${one.path}?ticket=${ticket}`, { key: null, headers: { "last-event-id": stream.seen.at(-1)?.id ?? "" } });
  assert.equal(end.status, 204);
  const { run_id: other } = await one.json();
  const wrong = await request(`${one.path}?ticket=${ticket}`, { key: null, headers: { "last-event-id": `${other}.0.0` } });
  assert.equal(wrong.status, 401);
});

test("a page of a listed origin may call, resume and read what it needs; one of another origin gets no leave", async () => {
  await using one = await publish({ command: "echo hi", capsule: capsule.id });
  const preflight = (origin: string): Promise<Response> =>
    request(one.path, {
      key: null,
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key,last-event-id,content-type",
      },
    });
  const leave = await preflight(PAGES_ORIGIN);
  assert.equal(leave.headers.get("access-control-allow-origin"), PAGES_ORIGIN);
  const allowed = (leave.headers.get("access-control-allow-headers") ?? "").toLowerCase();
  for (const name of ["x-api-key", "last-event-id", "content-type"]) assert.ok(allowed.includes(name), allowed);
  assert.match(leave.headers.get("access-control-allow-methods") ?? "", /POST/);
  assert.equal(leave.headers.get("access-control-allow-credentials"), null);
  const answer = await one.call({ headers: { origin: PAGES_ORIGIN, accept: "application/json" } });
  await answer.text();
  assert.equal(answer.headers.get("access-control-allow-origin"), PAGES_ORIGIN);
  assert.match(answer.headers.get("access-control-expose-headers") ?? "", /X-Run-Id/i);
  assert.match(answer.headers.get("vary") ?? "", /origin/i);
  const refused = await preflight("http://evil.example");
  assert.equal(refused.headers.get("access-control-allow-origin"), null);
  const foreign = await one.call({ headers: { origin: "http://evil.example", accept: "application/json" } });
  await foreign.text();
  assert.equal(foreign.headers.get("access-control-allow-origin"), null);
});

test("badges: a team's says that it is there, a public endpoint's how its last run ended, a private one's is 404", async () => {
  await using open = await publish({ command: "sh -c", args: [{ name: "script", default: "true" }], public: true, capsule: capsule.id });
  await using own = await publish({ command: "true", capsule: capsule.id });
  const svg = async (path: string): Promise<string> => {
    const response = await request(path, { key: null });
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("content-type") ?? "", /^image\/svg\+xml/);
    assert.match(response.headers.get("cache-control") ?? "", /no-store|no-cache/);
    return response.text();
  };
  assert.match(await svg(`/${open.owner}/badge.svg`), /capsuled: \d+ endpoint/);
  assert.match(await svg(`/${open.owner}/${open.name}/badge.svg`), /no runs/);
  for (const [script, shown] of [
    ["true", /passing/],
    ["exit 3", /failing \(3\)/],
  ] as const) {
    await open.json({ body: { script } });
    await waitUntil(async () => (shown.test(await svg(`/${open.owner}/${open.name}/badge.svg`)) ? true : undefined), {
      what: `the badge after ${script}`,
    });
  }
  for (const path of [`/${own.owner}/${own.name}/badge.svg`, `/${own.owner}/no-such/badge.svg`, "/no-such-team/badge.svg"])
    assert.equal((await request(path, { key: null })).status, 404, path);
});

test(
  "calls of public endpoints are limited by the caller's address, with the usual headers, and others are not touched",
  { timeout: 300_000 },
  async () => {
    await using open = await publish({
      command: "true",
      public: true,
      args: [{ name: "n", type: "integer", required: true }],
      capsule: capsule.id,
    });
    const from = (address: string): Promise<Response> =>
      request(open.path, { key: null, headers: { "x-forwarded-for": address, accept: "application/json" } });
    const first = await from("203.0.113.7");
    await first.text();
    assert.equal(first.status, 400);
    const limit = Number(first.headers.get("x-ratelimit-limit"));
    assert.ok(limit > 0);
    assert.equal(Number(first.headers.get("x-ratelimit-remaining")), limit - 1);
    let refused: Response | undefined;
    for (let count = 0; count < limit * 3 && refused === undefined; count += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => from("203.0.113.7")));
      await Promise.all(answers.map((answer) => answer.clone().text()));
      refused = answers.find(({ status }) => status === 429);
    }
    assert.ok(refused !== undefined, `more than ${limit} calls were taken`);
    assert.equal(property(property(await refused.json(), "error"), "code"), "rate_limited");
    assert.ok(Number(refused.headers.get("retry-after")) >= 1);
    assert.equal(refused.headers.get("x-ratelimit-remaining"), "0");
    const reset = Number(refused.headers.get("x-ratelimit-reset"));
    assert.ok(reset > 0 && reset <= 60, `seconds, not a date: ${reset}`);
    assert.equal((await from("203.0.113.8")).status, 400, "another address");
    assert.equal((await open.json({ body: { n: 1 }, headers: { "x-forwarded-for": "203.0.113.7" } })).exit_code, 0, "a key");
  },
);
