import assert from "node:assert/strict";
import { existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { OciWorld, RunningCapsule } from "./testing/oci-world.ts";
import { CANNOT_RUN, createOciWorld } from "./testing/oci-world.ts";
import { workHierarchies } from "./hierarchies.ts";
import { FIRST_UID, RANGE_SIZE } from "./uid-ranges.ts";

const options = { skip: CANNOT_RUN };
let world: OciWorld;
let capsule: RunningCapsule;
before(async () => {
  if (CANNOT_RUN !== false) return;
  world = await createOciWorld();
  capsule = await world.launch({ memoryMb: 128, hostname: "box" });
});
after(async () => {
  await world?.close();
});

/** Runs a probe that must have run: it prints a mark at its end, whatever it found. */
async function probe(line: string): Promise<string> {
  const { stdout, stderr } = await capsule.try(`${line}; echo probe-done`);
  assert.ok(stdout.endsWith("probe-done\n"), `the probe itself failed: ${stdout}${stderr}`);
  return stdout.slice(0, -"probe-done\n".length) + stderr;
}

test("no name of the host is visible: not in mountinfo, not in the cgroup's name, not in sysfs", options, async () => {
  const seen = await probe(
    "cat /proc/self/mountinfo /proc/self/cgroup /proc/1/cgroup /proc/1/mountinfo /proc/mounts; uname -n; cat /proc/net/unix; find /sys -name backing_file",
  );
  assert.match(seen, /overlay capsule rw,lowerdir=l0,upperdir=disk\/u,workdir=disk\/w/);
  assert.match(seen, /^0::\/work\/slot-\d+$/m);
  assert.match(seen, /^0::\/agent$/m);
  assert.match(seen, /^box$/m);
  const {
    options: { dataDir, installationId, runDir },
  } = world;
  for (const name of [dataDir, installationId, runDir, "capsuled", capsule.id, "store.img", "loop"])
    assert.ok(!seen.includes(name), `${name} is visible:\n${seen}`);
});

test("root inside is nobody outside, with its own range, the short capability list, no new privileges and a filter", options, async () => {
  const status = await probe("cat /proc/self/status");
  for (const line of [
    /^CapBnd:\t00000000800404fb$/m,
    /^CapEff:\t00000000800404fb$/m,
    /^CapInh:\t0+$/m,
    /^CapAmb:\t0+$/m,
    /^NoNewPrivs:\t1$/m,
    /^Seccomp:\t2$/m,
  ])
    assert.match(status, line);
  const [, base, size] = /^\s*0\s+(\d+)\s+(\d+)$/m.exec(await probe("cat /proc/self/uid_map")) ?? [];
  assert.equal(Number(size), RANGE_SIZE);
  assert.ok(Number(base) >= FIRST_UID && (Number(base) - FIRST_UID) % RANGE_SIZE === 0, String(base));
  const other = await world.launch();
  assert.notEqual(await other.sh("cat /proc/self/uid_map"), await capsule.sh("cat /proc/self/uid_map"));
  await world.driver.destroy(other.id);
});

test("it lives in namespaces of its own", options, async () => {
  for (const name of ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"]) {
    const own = (await probe(`stat -c %N /proc/self/ns/${name}`)).match(/\[\d+\]/)?.[0];
    const hosts = `[${statSync(`/proc/self/ns/${name}`).ino}]`;
    assert.ok(own !== undefined && own !== hosts, `${name}: ${own}`);
  }
  const devices = [...(await probe("cat /proc/net/dev")).matchAll(/^\s*(\S+):/gm)].map((match) => match[1]);
  assert.deepEqual(devices, ["lo"]);
});

test("what tells about the host or lets it be changed is covered or read-only", options, async () => {
  const lines: readonly [string, RegExp][] = [
    ["ls /sys/fs/cgroup", /No such file/],
    ["ls /sys/fs /sys/block /sys/kernel /sys/module", /^\/sys\/block:\n\n\/sys\/fs:\n\n\/sys\/kernel:\n\n\/sys\/module:\n$/],
    ["cat /proc/keys /proc/timer_list /proc/cmdline /proc/partitions", /^$/],
    ["echo 1 > /proc/sys/vm/drop_caches", /Read-only file system/],
    ["echo b > /proc/sysrq-trigger", /Read-only file system|Permission denied|nonexistent/],
    ["mkdir /sys/x", /Read-only file system|Permission denied/],
    ["dd if=/dev/zero of=/dev/fill bs=1024 count=256", /No space left/],
    ["rm -f /dev/fill; dd if=/dev/zero of=/dev/shm/fill bs=1M count=64; rm /dev/shm/fill", /No space left/],
  ];
  for (const [line, expected] of lines) assert.match(await probe(line), expected, line);
});

test("the filter refuses namespaces, and the agent's memory and descriptors are closed", options, async () => {
  for (const flag of ["-U", "-m", "-n", "-p", "-C", "-i", "-u"]) assert.match(await probe(`unshare ${flag} true`), /not permitted/i, flag);
  for (const file of ["environ", "maps", "mem"]) assert.match(await probe(`cat /proc/1/${file}`), /Permission denied/, file);
  assert.match(await probe("ls /proc/1/fd"), /Permission denied/);
  assert.match(await probe("ls -l /proc/1/exe"), /Permission denied/);
});

test("where the host is short of memory, the kernel takes what a capsule runs before the host's own services", options, async () => {
  assert.equal(await probe("cat /proc/self/oom_score_adj"), "500\n");
});

test("limits of the work group are what was asked, and its owner is the capsule's root where the agent must write", options, async () => {
  const group = (mount: string): string => `${mount}${world.paths(capsule.id).cgroup}/work`;
  const { unified, v1Of } = world.host.hierarchies;
  const memory = v1Of.get("memory");
  const limit = readFileSync(memory === undefined ? `${group(unified)}/memory.max` : `${group(memory)}/memory.limit_in_bytes`, "utf8");
  assert.equal(Number(limit), 128 * 1024 * 1024);
  assert.equal(Number(readFileSync(`${group(v1Of.get("pids") ?? unified)}/pids.max`, "utf8")), 64 + 24);
  const base = Number(/(\d+)\s+65536/.exec(await capsule.sh("cat /proc/self/uid_map"))?.[1]);
  const owner = (file: string): number => statSync(`${group(unified)}/${file}`).uid;
  assert.deepEqual([owner("."), owner("cgroup.procs"), owner("cgroup.subtree_control"), owner("cgroup.freeze")], [base, base, 0, 0]);
  const joined = (await capsule.sh("cat /proc/self/cgroup")).split("\n").filter((line) => line.endsWith(":/work")).length;
  assert.equal(joined, workHierarchies(world.host.hierarchies).length);
});

test("an allocation beyond the memory limit is killed and the capsule lives", options, async () => {
  const { code } = await capsule.try("exec dd if=/dev/zero of=/dev/null bs=512M count=1");
  assert.equal(code, 137);
  assert.ok((await world.driver.stats(capsule.handle)).oomKills >= 1);
  assert.equal(await capsule.sh("echo alive"), "alive\n");
});

test("a fork bomb ends with errors inside, and its neighbour and its end are not disturbed", options, async () => {
  const bomb = await world.launch({ pidsMax: 32 });
  const { stderr } = await bomb.try("i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done; exit 0");
  assert.match(stderr, /[Cc]annot fork/);
  assert.ok((await world.driver.stats(bomb.handle)).pids <= 32 + 24);
  assert.equal(await capsule.sh("echo fine"), "fine\n");
  await world.driver.destroy(bomb.id);
  assert.ok(!(await world.driver.list()).some((found) => found.capsuleId === bomb.id));
});

test("two busy loops share the one processor that was asked for", options, async () => {
  const busy = await world.launch({ vcpus: 1 });
  await busy.sh("(while :; do :; done) >/dev/null 2>&1 & (while :; do :; done) >/dev/null 2>&1 &");
  const began = performance.now();
  const before = (await world.driver.stats(busy.handle)).cpuUsageUs;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const used = ((await world.driver.stats(busy.handle)).cpuUsageUs - before) / 1000 / (performance.now() - began);
  await world.driver.destroy(busy.id);
  assert.ok(used <= 1.1, `used ${used} processors`);
});

test("a full disk is an error inside only, and space comes back", options, async () => {
  const small = await world.launch({ diskMb: 32 });
  const { stderr } = await small.try("dd if=/dev/zero of=/root/fill bs=1M count=100");
  assert.match(stderr, /No space left|Disk quota exceeded/);
  assert.equal(await capsule.sh("dd if=/dev/zero of=/root/other bs=1M count=8 2>/dev/null && echo wrote"), "wrote\n");
  assert.equal(await small.sh("rm /root/fill; echo again > /root/x; cat /root/x"), "again\n");
  await world.driver.destroy(small.id);
});

test("files with setuid on a capsule's disk are out of every host user's reach", options, async () => {
  await capsule.sh("touch /root/suid; chmod 4755 /root/suid");
  const { disk, dir } = world.paths(capsule.id);
  assert.equal(statSync(join(disk, "u/root/suid")).mode & 0o7777, 0o4755);
  for (const path of [world.host.layout.storeDir, disk, dir, join(dir, "ctl")]) assert.equal(statSync(path).mode & 0o077, 0, path);
  const mount = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((line) => line.includes(` ${world.host.layout.storeDir} `));
  assert.match(mount ?? "", /nosuid,nodev/);
});

test("destroy removes links in the control directory and never follows them", options, async () => {
  const trap = await world.launch();
  const kept = join(world.options.dataDir, "kept");
  writeFileSync(kept, "kept");
  const control = world.paths(trap.id).control;
  symlinkSync(world.options.dataDir, join(control, "link"));
  assert.ok(lstatSync(join(control, "link")).isSymbolicLink());
  await world.driver.destroy(trap.id);
  assert.equal(existsSync(control), false);
  assert.equal(readFileSync(kept, "utf8"), "kept");
});

test("two installations on one host do not see or touch each other", options, async () => {
  const other = await createOciWorld();
  try {
    const theirs = await other.launch();
    assert.ok(!(await world.driver.list()).some((found) => found.capsuleId === theirs.id));
    assert.ok(!(await other.driver.list()).some((found) => found.capsuleId === capsule.id));
    await world.driver.destroy(theirs.id);
    assert.equal(await other.driver.recover(theirs.handle), "running");
    assert.equal(await theirs.sh("echo still"), "still\n");
  } finally {
    await other.close();
  }
});
