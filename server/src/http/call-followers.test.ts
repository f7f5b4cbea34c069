import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTIFICATION_HEADER } from "../core/notification/deliveries.ts";
import { OWNER } from "./testing/fake-endpoints.ts";
import { KEYS } from "./testing/fake-services.ts";
import { Pipeline } from "./testing/pipeline.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { publish } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const CALL = `/v1/${OWNER}/job`;
const JSON_ONLY = { accept: "application/json" };
const RUN = `run-${"1".padStart(25, "0")}`;

async function worldWith(definition: Readonly<Record<string, unknown>> = {}): Promise<World> {
  const world = await createWorld();
  await publish(world, "job", { command: "cat", ...definition });
  return world;
}

test("with on_disconnect: kill a follower that leaves ends no run that it has not begun, an asynchronous one least of all", async () => {
  await using world = await worldWith({ on_disconnect: "kill", async: true });
  world.runs.script = () => {};
  assert.equal((await world.call("POST", CALL)).status, 202);
  const pipeline = await Pipeline.open(world);
  pipeline.socket.write(`GET ${CALL} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\nLast-Event-ID: ${RUN}.0.0\r\n\r\n`);
  while (world.runs.last.readers === 0) await new Promise((resolve) => setImmediate(resolve));
  pipeline.socket.destroy();
  while (world.runs.last.readers > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(world.runs.abandoned, []);
});

test("a place that a run has not come to is refused while it runs too; where that is not known its reader waits", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => run.print("stdout", "one\n");
  await (await world.call("GET", CALL)).body?.cancel();
  const at = (id: string) => world.call("GET", CALL, { headers: { "last-event-id": `${RUN}.${id}` } });
  for (const id of ["5.0", "4.1", "999999.0", "0.0.end", "4.0.transformed"]) {
    const problem = await problemOf(await at(id));
    assert.deepEqual([problem.code, problem.message], ["invalid_request", "Last-Event-ID: lies beyond what the run has printed"], id);
  }
  const next = await at("4.0");
  assert.equal(next.status, 200);
  await next.body?.cancel();
  world.runs.last.isCounted = false;
  const waiting = await at("8.0");
  assert.equal(waiting.status, 200);
  world.runs.last.print("stdout", "two\nthree\n");
  world.runs.last.end();
  const events = await waiting.text();
  assert.ok(events.includes("three") && !events.includes("two"), events);
});

test("a notification starts no endpoint that notifies in its turn, so that none goes round for ever", async () => {
  await using world = await worldWith({ public: true, notify_url: "https://example.com/done" });
  await publish(world, "silent", { command: "cat", public: true });
  const headers = { [NOTIFICATION_HEADER]: RUN, ...JSON_ONLY };
  const refused = await world.call("POST", CALL, { key: null, headers });
  assert.equal((await problemOf(refused)).code, "invalid_request");
  assert.equal(world.runs.all.length, 0);
  assert.equal((await world.call("POST", `/v1/${OWNER}/silent`, { key: null, headers })).status, 200);
});
