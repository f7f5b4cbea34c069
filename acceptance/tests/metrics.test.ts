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
