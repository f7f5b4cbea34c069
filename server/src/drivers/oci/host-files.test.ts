import assert from "node:assert/strict";
import test from "node:test";
import { findHierarchies, handedDown, missingControllers, workHierarchies } from "./hierarchies.ts";
import { parseMountinfo } from "./mountinfo.ts";
import { kernel } from "./probe.ts";
import { oomCounter, workLimits } from "./work-limits.ts";

const hybrid = parseMountinfo(`23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:10 - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
90 31 0:36 / /mnt/again rw,relatime - cgroup cgroup rw,pids
91 31 0:36 /inner /mnt/inner rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`);

test("mountinfo is read with optional fields, escapes and lines that are cut short", () => {
  const [mount, ...rest] = parseMountinfo(
    "36 35 98:0 /a\\040b /mnt/c\\134d rw shared:1 master:2 - ext4 /dev/x\\011y rw,errors=continue\n36 35 98:0 /a\n\n",
  );
  assert.deepEqual(rest, []);
  assert.deepEqual(mount, {
    root: "/a b",
    mountPoint: "/mnt/c\\d",
    type: "ext4",
    source: "/dev/x\ty",
    superOptions: ["rw", "errors=continue"],
  });
});

test("on a hybrid host limits are on cgroup v1, each hierarchy once, and nothing is handed down in cgroup2", () => {
  const found = findHierarchies(hybrid);
  assert.equal(found.unified, "/sys/fs/cgroup/unified");
  assert.deepEqual(found.v1, ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd"]);
  const hierarchies = { ...found, unified: "/sys/fs/cgroup/unified", controllers: [] };
  assert.deepEqual(workHierarchies(hierarchies), ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"]);
  assert.deepEqual([handedDown(hierarchies), missingControllers(hierarchies)], [[], []]);
  const limits = workLimits(hierarchies, { memoryMb: 512, vcpus: 2, pidsMax: 100 });
  assert.deepEqual(
    limits.map(({ mount, file, value }) => `${mount}/${file}=${value}`),
    [
      "/sys/fs/cgroup/memory/memory.limit_in_bytes=536870912",
      "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes=536870912",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us=20000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us=40000",
      "/sys/fs/cgroup/pids/pids.max=124",
    ],
  );
  assert.equal(oomCounter(hierarchies, "/capsuled/i/cl"), "/sys/fs/cgroup/memory/capsuled/i/cl/work/memory.oom_control");
});

test("on a cgroup2 host every limit is there, and the controllers are handed down", () => {
  const found = findHierarchies(parseMountinfo("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"));
  const hierarchies = { ...found, unified: "/sys/fs/cgroup", controllers: ["cpuset", "cpu", "io", "memory", "pids"] };
  assert.deepEqual([found.v1, workHierarchies(hierarchies)], [[], []]);
  assert.deepEqual([handedDown(hierarchies), missingControllers(hierarchies)], [["memory", "cpu", "pids"], []]);
  assert.deepEqual(
    workLimits(hierarchies, { memoryMb: 1, vcpus: 1, pidsMax: 1 }).map(({ file, value }) => `${file}=${value}`),
    ["memory.max=1048576", "memory.swap.max=0", "memory.oom.group=0", "cpu.max=20000 20000", "pids.max=25"],
  );
  assert.equal(oomCounter(hierarchies, "/capsuled/i/cl"), "/sys/fs/cgroup/capsuled/i/cl/work/memory.events");
});

test("a controller that is nowhere is named", () => {
  const found = findHierarchies(parseMountinfo("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"));
  assert.deepEqual(missingControllers({ ...found, controllers: ["cpu", "pids"] }), ["memory"]);
});

test("kernels before 5.19 are refused with a mend, later ones are fine", () => {
  for (const version of ["5.19.0", "5.20.1-generic", "6.1.0-56-cloud", "10.0"]) assert.ok(kernel(version).ok, version);
  for (const version of ["5.18.19", "4.19.0-amd64", "3.10"]) assert.match(kernel(version).mend, /5\.19/, version);
});
