import assert from "node:assert/strict";
import fs, { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { DiskUse } from "./disk-use.ts";
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
  return { hierarchies: { unified: root, controllers: [], v1: [...mounts.values()], v1Of: mounts, devices: null } };
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

test("a sample costs six small files, read once each, and no program but the one that finds the disk's counter the first time", async (t) => {
  const host = hostOf(t, V1, [
    ["memory", "memory"],
    ["cpuacct", "cpu"],
    ["pids", "pids"],
  ]);
  const dir = mkdtempSync(join(tmpdir(), "capsuled-sample-"));
  const asked: string[] = [];
  const launcher = {
    async subvolumeOf(path: string) {
      asked.push(path);
      return { id: 257, fileSystem: "fs-1" };
    },
  };
  const counter = "/sys/fs/btrfs/fs-1/qgroups/0_257/referenced";
  const read: string[] = [];
  const real = fs.readFileSync;
  t.mock.method(fs, "readFileSync", (file: string, encoding: BufferEncoding) => {
    read.push(file);
    return file === counter ? "4096\n" : real(file, encoding);
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
    rmSync(dir, { recursive: true });
  });
  const disks = new DiskUse();
  for (let sample = 0; sample < 3; sample += 1) {
    read.length = 0;
    readStats(host, paths);
    assert.equal(await disks.of({ store: "native", launcher }, { id: "cl", disk: "/store/cl" }), 4096);
    assert.deepEqual([read.length, new Set(read).size, read.at(-1)], [6, 6, counter]);
  }
  assert.deepEqual(asked, ["/store/cl"]);
  assert.equal(readFileSync, fs.readFileSync, "it is the reads of the code that were counted");
});
