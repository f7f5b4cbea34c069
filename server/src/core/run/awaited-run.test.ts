import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { LIMITS } from "@capsuled/contract";
import { runRecord } from "../../store/testing/records.ts";
import type { RunWorld } from "../../testing/run-world.ts";
import { createRunWorld } from "../../testing/run-world.ts";
import { RUN_BEGIN } from "./output.ts";
import { ASYNC_QUEUE_MS_MAX } from "./start-run.ts";
import type { RunRecord } from "./record.ts";

const HOUR_MS = 3_600_000;
/** Milliseconds of a keep-alive. */
const IDLE_MS = 1000;

/** A world whose database has a run that another server has in hand, and how often its row was looked at. */
async function withForeignRun(
  t: TestContext,
): Promise<{ readonly world: RunWorld; readonly run: RunRecord; readonly looks: () => number }> {
  const world = await createRunWorld();
  t.after(() => world.close());
  const now = world.deps.clock.now();
  const run = runRecord({ teamId: world.world.principal.teamId, hostId: "another", createdAt: now, startedAt: now });
  await world.deps.store.insert([{ run, input: null }]);
  const find = t.mock.method(world.deps.store, "find");
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return { world, run, looks: () => find.mock.callCount() };
}

/** Lets so much time pass, look by look. */
async function pass(t: TestContext, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    t.mock.timers.tick(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a run of another server is looked at for all who wait for it together, more and more seldom, until it ends", async (t) => {
  const { world, run, looks } = await withForeignRun(t);
  const handles = await Promise.all(Array.from({ length: 20 }, () => world.runs.get(world.world.principal, run.id)));
  const before = looks();
  const ended = handles.map((handle) => handle.ended);
  await pass(t, 60_000);
  // After 0.5, 1.5, 3.5 and 7.5 seconds, and then each 5 s.
  assert.equal(looks() - before, 14);
  const end = { ...run, status: "succeeded", reason: "exited", exitCode: 0, endedAt: run.createdAt + 60_000 } as const;
  await world.deps.store.save([{ run: end, output: { kind: "none" } }]);
  await pass(t, 5000);
  for (const seen of await Promise.all(ended)) assert.equal(seen.status, "succeeded");
  const after = looks();
  await pass(t, 60_000);
  assert.equal(looks(), after, "and then nobody looks any more");
  assert.equal((await handles[0]?.ended)?.status, "succeeded");
});

test("a run whose server has been gone for longer than any run takes is lost, and nobody looks for it any more", async (t) => {
  const { world, run, looks } = await withForeignRun(t);
  const handle = await world.runs.get(world.world.principal, run.id);
  const { ended } = handle;
  assert.equal(193 * HOUR_MS, ASYNC_QUEUE_MS_MAX + LIMITS.timeoutSecMax * 1000 + HOUR_MS, "its turn, its time, and an hour");
  world.world.clock.advance(193 * HOUR_MS);
  await pass(t, 10_000);
  assert.equal(handle.run.status, "running", "it may still end");
  world.world.clock.advance(1);
  await pass(t, 10_000);
  const lost = await ended;
  assert.deepEqual([lost.status, lost.reason], ["error", "server_lost"]);
  const after = looks();
  await pass(t, 60_000);
  assert.equal(looks(), after);
});

test("a reader of such a run is idle until it ends, and reads what is kept", async (t) => {
  const { world, run } = await withForeignRun(t);
  const reader = (await world.runs.get(world.world.principal, run.id)).read(RUN_BEGIN);
  for (let wait = 0; wait < 3; wait += 1) {
    const next = reader.next(IDLE_MS);
    await pass(t, IDLE_MS);
    assert.deepEqual(await next, { kind: "idle" });
  }
  const end = { ...run, status: "failed", reason: "exited", exitCode: 3, endedAt: run.createdAt + 1 } as const;
  await world.deps.store.save([{ run: end, output: { kind: "none" } }]);
  const next = reader.next(60_000);
  await pass(t, 10_000);
  const item = await next;
  assert.ok(item?.kind === "end");
  assert.equal(item.run.exitCode, 3);
  reader.close();
});
