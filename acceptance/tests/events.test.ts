import assert from "node:assert/strict";
import { test } from "node:test";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { allEvents, lifeOf } from "../harness/events.ts";
import { agentPid } from "../harness/host.ts";
import { followEvents } from "../harness/sse.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

test("the life of a capsule and of its processes is told in order, each step once, with who caused it", { timeout: 300_000 }, async () => {
  const { key } = await newTeam();
  const keys = await expectCall("listKeys", 200, { key });
  const by = { type: "api_key", id: keys[0]?.id };
  const capsule = await newCapsule({ name: "told", memory_mb: 64 }, key);
  const at = { key, params: { id: capsule.id } };
  const job = await capsule.background({ cmd: "sh", args: ["-c", "exit 3"], tag: "job" });
  await using follower = await followEvents("?from=start", { key });
  await follower.event(({ type }) => type === "process.ended");
  await capsule.sh("true");
  await capsule.pause();
  await capsule.resume();
  await expectCall("stopCapsule", 200, at);
  await expectCall("startCapsule", 200, { ...at, body: { wait_ms: 30_000 } });
  await capsule[Symbol.asyncDispose]();
  const events = await allEvents(key);
  assert.deepEqual(lifeOf(events), [
    "capsule.created",
    "capsule.running",
    "process.started",
    "process.ended exited",
    "capsule.paused",
    "capsule.resumed",
    "capsule.stopped stopped",
    "capsule.running",
    "capsule.destroyed destroyed",
  ]);
  for (const event of events) {
    assert.equal(event.capsule_id, capsule.id);
    if (event.type !== "process.ended") assert.deepEqual(event.actor, by, event.type);
  }
  const [created, , started, ended] = events;
  assert.ok(created?.type === "capsule.created" && created.data.name === "told" && created.data.memory_mb === 64);
  assert.ok(started?.type === "process.started" && started.data.tag === "job" && started.process_id === job.id);
  assert.ok(ended?.type === "process.ended" && ended.data.exit_code === 3 && ended.data.stdout_sha256 !== null);
  const ids = events.map(({ id }) => id);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  );
});

test("nobody hears of another team's capsules", async () => {
  const [mine, other] = [await newTeam(), await newTeam()];
  await using heard = await followEvents("", { key: other.key });
  assert.equal(heard.status, 200);
  await using capsule = await newCapsule({}, mine.key);
  await using own = await newCapsule({}, other.key);
  await heard.event(({ type, capsule_id }) => type === "capsule.running" && capsule_id === own.id);
  assert.ok(heard.events.every(({ capsule_id }) => capsule_id === own.id));
  assert.ok((await allEvents(other.key)).every(({ capsule_id }) => capsule_id === own.id));
  assert.deepEqual((await expectCall("listEvents", 200, { key: other.key, query: { capsule: capsule.id } })).items, []);
});

test("a follower that is cut off again and again resumes by Last-Event-ID, and misses and repeats none", { timeout: 300_000 }, async () => {
  const { key } = await newTeam();
  await using capsule = await newCapsule({ memory_mb: 64 }, key);
  const jobs = 60;
  const making = (async () => {
    for (let n = 0; n < jobs; n += 1) await capsule.background({ cmd: "true", tag: `job-${n}` });
    await capsule.background({ cmd: "sh", args: ["-c", "sleep 0.2"], tag: "last" });
  })();
  const heard: number[] = [];
  let last: string | null = null;
  let isOver = false;
  let cuts = 0;
  while (!isOver) {
    await using follower = await followEvents("?from=start", { key, headers: last === null ? {} : { "last-event-id": last } });
    const had = heard.length;
    await follower.event(
      () => follower.events.length >= 9 || follower.events.some((event) => event.type === "process.ended" && event.data.tag === "last"),
    );
    const got = follower.events.slice(0, 9);
    assert.deepEqual(follower.gaps, []);
    heard.push(...got.map(({ id }) => id));
    last = String(got.at(-1)?.id ?? last);
    isOver = got.some((event) => event.type === "process.ended" && event.data.tag === "last");
    assert.ok(heard.length > had);
    cuts += 1;
  }
  await making;
  assert.ok(cuts > 5, `only ${cuts} connections`);
  // The last one's end may be told before that of one whose turn came late.
  const events = await waitUntil(
    async () => {
      const all = await allEvents(key);
      return all.filter(({ type }) => type === "process.ended").length > jobs ? all : undefined;
    },
    { what: "every end" },
  );
  assert.deepEqual(
    heard,
    events.slice(0, heard.length).map(({ id }) => id),
  );
  for (const type of ["process.started", "process.ended"]) {
    const ids = events.filter((event) => event.type === type).map(({ process_id }) => process_id);
    assert.equal(new Set(ids).size, ids.length, `${type} once for each process`);
    assert.equal(ids.length, jobs + 1);
  }
});

test("the list pages both ways without loss, and filters by capsule and type", async () => {
  const { key } = await newTeam();
  await using first = await newCapsule({ memory_mb: 64 }, key);
  await using second = await newCapsule({ memory_mb: 64 }, key);
  for (let n = 0; n < 3; n += 1) {
    await first.pause();
    await first.resume();
  }
  const all = (await allEvents(key)).map(({ id }) => id);
  for (const order of ["asc", "desc"]) {
    const found: number[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: readonly { id: number }[]; next_cursor: string | null } = await expectCall("listEvents", 200, {
        key,
        query: { order, limit: "3", ...(cursor !== null && { cursor }) },
      });
      assert.ok(page.items.length <= 3);
      found.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.deepEqual(order === "asc" ? found : found.toReversed(), all, order);
  }
  const paused = await expectCall("listEvents", 200, { key, query: { type: "capsule.paused", capsule: first.id } });
  assert.equal(paused.items.length, 3);
  assert.equal((await expectCall("listEvents", 200, { key, query: { type: "capsule.paused", capsule: second.id } })).items.length, 0);
  const since = await expectCall("listEvents", 200, { key, query: { since: String(all[4]), order: "asc" } });
  assert.deepEqual(
    since.items.map(({ id }) => id),
    all.slice(5),
  );
});

test("positions that are in the future, negative or no number are refused, in the list, the query and the header", async () => {
  const { url, adminKey } = readState();
  const stream = async (query: string, headers: Readonly<Record<string, string>> = {}) => {
    const abort = new AbortController();
    const response = await fetch(`${url}/v1/events/stream${query}`, {
      headers: { "x-api-key": adminKey, ...headers },
      signal: abort.signal,
    });
    const text = response.status === 200 ? "" : await response.text();
    abort.abort();
    return `${response.status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ""}`;
  };
  assert.equal(await stream("?from=900719925474099"), "400 invalid_offset");
  assert.equal(await stream("", { "last-event-id": "900719925474099" }), "400 invalid_offset");
  for (const bad of ["-1", "1.5", "NaN", "later", "99999999999999999999", "%00"])
    assert.equal(await stream(`?from=${bad}`), "400 invalid_request", bad);
  for (const bad of ["-1", "1.5", "NaN", "x".repeat(5000)])
    assert.match(await stream("", { "last-event-id": bad }), /^400 invalid_(request|offset)$/, bad);
  for (const bad of ["-1", "1.5", "NaN", "99999999999999999999"]) {
    await expectError("listEvents", "invalid_request", { query: { since: bad } });
    await expectError("listEvents", "invalid_request", { query: { cursor: bad } });
  }
  await expectError("listEvents", "invalid_request", { query: { limit: "0" } });
  await expectError("listEvents", "invalid_request", { query: { type: "capsule.exploded" } });
});

test("an end that nobody asked for is told with the part of the server that found it", { timeout: 300_000 }, async () => {
  const { key } = await newTeam();
  await using capsule = await newCapsule({ memory_mb: 64 }, key);
  const job = await capsule.background({ cmd: "sleep", args: ["1000"], tag: "job" });
  await using follower = await followEvents("?from=start", { key });
  await follower.event((event) => event.type === "process.started");
  process.kill(agentPid(capsule.id), "SIGKILL");
  const error = await follower.event((event) => event.type === "capsule.error");
  assert.deepEqual([error.actor, "reason" in error.data && error.data.reason], [{ type: "system", id: "driver" }, "agent_lost"]);
  const ended = await follower.event((event) => event.type === "process.ended");
  assert.deepEqual([ended.process_id, "reason" in ended.data && ended.data.reason], [job.id, "agent_lost"]);
});
