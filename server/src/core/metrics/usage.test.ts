import assert from "node:assert/strict";
import test from "node:test";
import { createCapsule, exec } from "../../testing/ask.ts";
import { capsuleRecord } from "../../store/testing/records.ts";
import { createWorld } from "../../testing/world.ts";
import { CapsuledError } from "../fail.ts";
import { createUsageService } from "./service.ts";
import { SAMPLE_MS, TEAMS_MAX, UsageMetrics } from "./usage.ts";

test("a capsule's points are what it used between samples, per core; they go with its machine", async () => {
  const world = await createWorld();
  let cpuUsageUs = 0;
  const driver = { ...world.driver, stats: async () => ({ ...(await world.driver.stats(handle)), cpuUsageUs, memoryBytes: 4096 }) };
  const usage = new UsageMetrics({ ...world.deps, driver });
  const service = createUsageService({ ...world.deps, usage, sums: { list: async () => [] } });
  const { id, handle } = await createCapsule(world, { vcpus: 2 }).then((record) => {
    assert.ok(record.handle !== null);
    return { id: record.id, handle: record.handle };
  });
  await usage.tick();
  await exec(world, id, { cmd: "sh", args: ["-c", "yes 1000 > /root/file"] });
  for (const spentMs of [5000, 20_000, 90_000]) {
    world.clock.advance(SAMPLE_MS);
    cpuUsageUs += spentMs * 1000;
    await usage.tick();
  }
  const points = await service.capsule(world.principal, id, "5m");
  assert.deepEqual(
    points.map(({ values }) => values[0]),
    [0, 25, 100, 100],
    "half of one core of two, all of both, and never more",
  );
  assert.deepEqual(points.at(-1)?.values.slice(1), [4096, (await world.driver.stats(handle)).diskBytes]);
  assert.ok((points.at(-1)?.values[2] ?? 0) > 0);
  await world.capsules.pause(world.principal, id);
  await usage.tick();
  assert.ok((await service.capsule(world.principal, id, "24h")).length > 0, "a paused one keeps its points");
  await world.capsules.stop(world.principal, id);
  await usage.tick();
  assert.deepEqual(await service.capsule(world.principal, id, "24h"), []);
  const stranger = { ...world.principal, teamId: world.deps.ids.next("team") };
  await assert.rejects(service.capsule(stranger, id, "5m"), (error) => error instanceof CapsuledError && error.code === "not_found");
  await world.close();
});

test("a team's numbers are of its running capsules alone, with their peaks", async () => {
  const world = await createWorld();
  const usage = new UsageMetrics(world.deps);
  const service = createUsageService({ ...world.deps, usage, sums: { list: async () => [] } });
  const [first, second] = [await createCapsule(world, { vcpus: 2 }), await createCapsule(world, { memory_mb: 128 })];
  await usage.tick();
  await world.capsules.pause(world.principal, first.id);
  world.clock.advance(SAMPLE_MS);
  await usage.tick();
  const stats = service.team(world.principal, "5m");
  assert.deepEqual(stats.current, { running: 1, vcpus: 1, memoryMb: 128 });
  assert.deepEqual(stats.peaks, { running: 2, vcpus: 3, memoryMb: 192 });
  assert.deepEqual(
    stats.series.map(({ values }) => values),
    [
      [2, 3, 192],
      [1, 1, 128],
    ],
  );
  await world.capsules.destroy(world.principal, second.id);
  const none = { running: 0, vcpus: 0, memoryMb: 0 };
  assert.deepEqual(service.team(world.principal, "30d").current, none);
  const stranger = { ...world.principal, teamId: world.deps.ids.next("team") };
  assert.deepEqual(service.team(stranger, "1h"), { current: none, peaks: none, series: [] });
  await world.close();
});

test("of more teams than are kept, the others have the numbers of this moment", async () => {
  const world = await createWorld();
  const held = Array.from({ length: TEAMS_MAX + 1 }, (_, index) => ({
    record: capsuleRecord({ teamId: `team-${index}`, state: "running" }),
  }));
  const usage = new UsageMetrics({ ...world.deps, live: { all: () => held } });
  await usage.tick();
  await usage.tick();
  assert.equal(usage.team(`team-${TEAMS_MAX - 1}`, SAMPLE_MS).length, 1);
  assert.deepEqual(usage.team(`team-${TEAMS_MAX}`, SAMPLE_MS), []);
  assert.equal(usage.now(`team-${TEAMS_MAX}`).running, 1);
  await world.close();
});
