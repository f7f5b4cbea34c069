import assert from "node:assert/strict";
import test from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import { createUsageStore } from "../../store/usage-store.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { DAY_MS, dayOf } from "./day.ts";
import { KEPT_DAYS, UsageMeter } from "./meter.ts";
import type { DayUsage, UsageStore } from "./store.ts";

const HOUR_MS = 3_600_000;

/** A meter over a world's capsules; the steady clock goes with the world's. */
async function meterOf(world: World, store: UsageStore = createUsageStore(world.database)): Promise<UsageMeter> {
  const { clock, live, hostId } = world.deps;
  const meter = await UsageMeter.open({ store, hostId, clock, steady: { ms: () => clock.now() } });
  live.watch((...told) => meter.note(...told));
  return meter;
}

async function daysOf(world: World): Promise<readonly DayUsage[]> {
  return createUsageStore(world.database).list(world.principal.teamId, 0, 1_000_000);
}

test("running time counts, times cores and memory; paused and stopped time does not, and destroying takes nothing away", async () => {
  const world = await createWorld();
  const meter = await meterOf(world);
  const { id } = await createCapsule(world, { vcpus: 2, memory_mb: 128 });
  world.clock.advance(5000);
  await world.capsules.pause(world.principal, id);
  world.clock.advance(HOUR_MS);
  await world.capsules.resume(world.principal, id, 4000);
  world.clock.advance(700);
  await world.capsules.stop(world.principal, id);
  world.clock.advance(HOUR_MS);
  await world.capsules.start(world.principal, id, 4000);
  world.clock.advance(11);
  await world.capsules.destroy(world.principal, id);
  await meter.count();
  const day = dayOf(world.clock.now());
  const expected = { teamId: world.principal.teamId, day, capsuleMs: 5711, vcpuMs: 11_422, memoryMbMs: 731_008 };
  assert.deepEqual(await daysOf(world), [expected]);
  await meter.count();
  assert.deepEqual(await daysOf(world), [expected], "nothing is counted twice");
  await world.close();
});

test("a capsule that outlives its server is counted on from the last count; one that began since, from its beginning", async () => {
  const world = await createWorld();
  const meter = await meterOf(world);
  await createCapsule(world, { vcpus: 1, memory_mb: 64 });
  world.clock.advance(10_000);
  await meter.count();
  world.clock.advance(4000);
  await createCapsule(world, { vcpus: 1, memory_mb: 64 });
  world.clock.advance(1000);
  // Killed here: the second capsule was never counted. The next server comes an hour later, and finds both.
  const next = await createNext(world, HOUR_MS);
  await next.meter.count();
  const [counted] = await daysOf(next.world);
  assert.equal(counted?.capsuleMs, 10_000 + 5000 + HOUR_MS + 1000 + HOUR_MS);
  await next.world.close();
});

/** Kills the server and starts another one after a while, which counts from before it looks at what is there. */
async function createNext(world: World, afterMs: number): Promise<{ world: World; meter: UsageMeter }> {
  world.clock.advance(afterMs);
  const next = await world.restart();
  const meter = await meterOf(next);
  for (const { record } of next.deps.live.all()) meter.note(record.id, record, true);
  return { world: next, meter };
}

test("a count whose answer was lost is not counted twice, and what the store did not take comes with the next", async () => {
  const world = await createWorld();
  const store = createUsageStore(world.database);
  let fault: "before" | "after" | null = null;
  const unsteady: UsageStore = {
    ...store,
    async add(...given) {
      if (fault === "before") throw new Error("no connection");
      const mark = await store.add(...given);
      if (fault === "after") throw new Error("the answer is lost");
      return mark;
    },
  };
  const meter = await meterOf(world, unsteady);
  await createCapsule(world, { memory_mb: 64 });
  for (const next of ["before", "after", "after", "before", "after", null] as const) {
    world.clock.advance(10_000);
    fault = next;
    await meter.count().catch((error: unknown) => assert.ok(error instanceof Error && next !== null));
  }
  assert.deepEqual(
    (await daysOf(world)).map(({ capsuleMs }) => capsuleMs),
    [60_000],
  );
  await world.close();
});

test("of counts at the same time each goes whole, one after the other", async () => {
  const world = await createWorld();
  const meter = await meterOf(world);
  await createCapsule(world, { memory_mb: 64 });
  for (const ms of [10, 200]) {
    world.clock.advance(ms);
    const first = meter.count();
    world.clock.advance(5);
    await Promise.all([first, meter.count(), meter.count()]);
  }
  assert.deepEqual(
    (await daysOf(world)).map(({ capsuleMs }) => capsuleMs),
    [220],
  );
  await world.close();
});

test("each day gets what ran in it, and a day goes when it has been kept for its time", async () => {
  const world = await createWorld();
  const meter = await meterOf(world);
  const { id } = await createCapsule(world, { memory_mb: 64 });
  const first = dayOf(world.clock.now());
  world.clock.advance(2 * DAY_MS + HOUR_MS);
  await meter.count();
  assert.deepEqual(
    (await daysOf(world)).map(({ day, capsuleMs }) => [day - first, capsuleMs]),
    [
      [0, DAY_MS],
      [1, DAY_MS],
      [2, HOUR_MS],
    ],
  );
  await world.capsules.destroy(world.principal, id);
  world.clock.advance((KEPT_DAYS - 2) * DAY_MS);
  await meter.count();
  assert.deepEqual(
    (await daysOf(world)).map(({ day }) => day - first),
    [1, 2],
  );
  await world.close();
});
