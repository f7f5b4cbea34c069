import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { readStats } from "./stats.ts";

const CGROUP = "/capsuled/i/cl";

/** Files as kernels wrote them after a process of the capsule was killed for want of memory; those of cgroup2 are of a pure host. */
const V2 = {
  "memory.current": "45056\n",
  "memory.peak": "67112960\n",
  "memory.events": "low 0\nhigh 0\nmax 63\noom 3\noom_kill 2\noom_group_kill 0\n",
  "cpu.stat": "usage_usec 61234\nuser_usec 40000\nsystem_usec 21234\nnr_periods 4\nnr_throttled 1\nthrottled_usec 800\n",
  "pids.current": "3\n",
};
const V1 = {
  "memory/memory.usage_in_bytes": "45056\n",
  "memory/memory.max_usage_in_bytes": "67108864\n",
  "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  "cpu/cpuacct.usage": "61234999\n",
  "pids/pids.current": "3\n",
};

/** A host whose cgroups are files of a directory. */
function hostOf(
  t: { after(undo: () => void): void },
  files: Readonly<Record<string, string>>,
  v1Of: readonly (readonly [string, string])[],
) {
  const root = mkdtempSync(join(tmpdir(), "capsuled-stats-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    const at = path.includes("/") ? path.split("/") : ["", path];
    const file = join(root, at[0] ?? "", CGROUP, "work", at[1] ?? "");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const mounts = new Map(v1Of.map(([controller, mount]) => [controller, join(root, mount)]));
  return { hierarchies: { unified: root, controllers: [], v1: [...mounts.values()], v1Of: mounts } };
}

const used = { memoryBytes: 45_056, cpuUsageUs: 61_234, pids: 3, oomKills: 2 };
const paths = { cgroup: CGROUP };

test("what a capsule uses, its peak and its kills for want of memory are read of a pure cgroup2 host", (t) => {
  assert.deepEqual(readStats(hostOf(t, V2, []), paths), { ...used, memoryPeakBytes: 67_112_960 });
});

test("the same is read of a host with cgroup v1", (t) => {
  const mounts = [
    ["memory", "memory"],
    ["cpuacct", "cpu"],
    ["cpu", "cpu"],
    ["pids", "pids"],
  ] as const;
  assert.deepEqual(readStats(hostOf(t, V1, mounts), paths), { ...used, memoryPeakBytes: 67_108_864 });
});

test("a capsule whose cgroup is gone is gone, on either", (t) => {
  assert.throws(() => readStats(hostOf(t, {}, []), paths), HandleGoneError);
  assert.throws(() => readStats(hostOf(t, {}, [["memory", "memory"]]), paths), HandleGoneError);
});
