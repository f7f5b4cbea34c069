import assert from "node:assert/strict";
import { test } from "node:test";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

test("a capsule's metrics tell its load, its memory and what it wrote", { timeout: 120_000 }, async () => {
  await using capsule = await newCapsule({ vcpus: 1, memory_mb: 128, disk_mb: 64 });
  const at = { params: { id: capsule.id } };
  await capsule.sh("dd if=/dev/urandom of=/root/file bs=1M count=20 2> /dev/null; sync");
  await capsule.background({ cmd: "sh", args: ["-c", "while :; do :; done"], tag: "busy" });
  const points = await waitUntil(
    async () => {
      const { points } = await expectCall("getCapsuleMetrics", 200, { ...at, query: { range: "5m" } });
      const isTold = points.some(({ cpu_pct }) => cpu_pct > 1) && points.some(({ disk_bytes }) => (disk_bytes ?? 0) > 20 * 1024 * 1024);
      return isTold ? points : undefined;
    },
    { what: "samples of the load", timeoutMs: 90_000 },
  );
  for (const [index, point] of points.entries()) {
    assert.ok(point.cpu_pct >= 0 && point.cpu_pct <= 100 && point.mem_bytes > 0);
    assert.ok(index === 0 || point.timestamp_unix >= (points[index - 1]?.timestamp_unix ?? 0));
  }
  assert.ok((points.at(-1)?.disk_bytes ?? 0) < 40 * 1024 * 1024);
  const { points: byDefault, range } = await expectCall("getCapsuleMetrics", 200, at);
  assert.equal(range, "10m");
  assert.ok(byDefault.length >= points.length);
  await expectError("getCapsuleMetrics", "invalid_request", { ...at, query: { range: "1y" } });
});

test("a team's stats count its running capsules, and nobody else's", async () => {
  const team = await newTeam();
  const { key } = team;
  const none = await expectCall("getCapsuleStats", 200, { key });
  assert.deepEqual(none.current, { running_count: 0, vcpus_reserved: 0, memory_mb_reserved: 0 });
  await using running = await newCapsule({ memory_mb: 64 }, key);
  await using paused = await newCapsule({ memory_mb: 96 }, key);
  await paused.pause();
  const { current, peaks, range, series } = await expectCall("getCapsuleStats", 200, { key, query: { range: "5m" } });
  assert.deepEqual(current, { running_count: 1, vcpus_reserved: 1, memory_mb_reserved: running.created.memory_mb });
  assert.ok(peaks.running_count >= 1 && peaks.running_count <= 2);
  assert.equal(range, "5m");
  for (const column of [series.running, series.vcpus, series.memory_mb]) assert.equal(column.length, series.labels.length);
  await expectError("getCapsuleStats", "invalid_request", { key, query: { range: "10m" } });
});

const MINUTE_MS = 60_000;

test(
  "a team's usage by the day counts what ran, for as long as it ran, and keeps it when the capsule is gone",
  { timeout: 60_000 },
  async () => {
    const { key } = await newTeam();
    const usage = async (): Promise<number> => {
      const { points } = await expectCall("getUsage", 200, { key, query: {} });
      assert.equal(points.length, 31);
      const cpu = points.reduce((sum, { cpu_minutes }) => sum + cpu_minutes, 0);
      const memory = points.reduce((sum, { ram_mb_minutes }) => sum + ram_mb_minutes, 0);
      assert.ok(Math.abs(memory - cpu * 64) < 1, "one core and 64 MiB");
      return cpu * MINUTE_MS;
    };
    assert.equal(await usage(), 0);
    const began = Date.now();
    const capsule = await newCapsule({ memory_mb: 64 }, key);
    const running = Date.now();
    await capsule.sh("sleep 0.3");
    const stopping = Date.now();
    await expectCall("destroyCapsule", 204, { key, params: { id: capsule.id } });
    const ended = Date.now();
    // What ran before the server's latest count is told by that, and the rest by the next one.
    const isWhole = (counted: number): boolean => counted >= stopping - running - 20;
    const counted = await waitUntil(
      async () => {
        const now = await usage();
        return isWhole(now) ? now : undefined;
      },
      { what: `a count of ${stopping - running} ms`, timeoutMs: 40_000 },
    );
    assert.ok(counted <= ended - began + 20, `${counted} of ${ended - began} ms`);
  },
);

test("a span of days is told as it was asked for, and refused where it is none", async () => {
  const { key } = await newTeam();
  const { from, to, points } = await expectCall("getUsage", 200, { key, query: { from: "2026-11-01", to: "2026-11-02" } });
  assert.deepEqual([from, to], ["2026-11-01", "2026-11-02"]);
  assert.deepEqual(
    points.map(({ cpu_minutes, ram_mb_minutes }) => [cpu_minutes, ram_mb_minutes]),
    points.map(() => [0, 0]),
  );
  const none = ["2026-02-30", "yesterday", "2026-11-01T00:00:00Z", "20261101"].map((from) => ({ from }));
  for (const query of [...none, { from: "2026-11-02", to: "2026-11-01" }, { from: "2026-01-01", to: "2026-04-04" }])
    await expectError("getUsage", "invalid_request", { key, query });
});
