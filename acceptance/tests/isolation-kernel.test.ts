import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import { z } from "zod";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { pidsInCapsule } from "../harness/host.ts";
import { calls, probe, probeOutside } from "../harness/probe.ts";
import { HOST_CANARY } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

/** System calls that every program may make, so a refusal of the others is not a probe that cannot call at all. */
const HARMLESS = new Set(["getppid"]);
/** Refused by their absence: programs then use the older call. */
const ABSENT = new Set(["clone3"]);
const REFUSED = new Set(["EPERM", "ENOSYS", "EACCES"]);

test("what reaches for the host's kernel is refused inside, while the same calls are not refused outside", async () => {
  const inside = await probe(capsule, "syscalls", calls);
  const outside = probeOutside("syscalls", calls);
  assert.ok(Object.keys(inside).length >= 40);
  let controlled = 0;
  for (const [name, [result, error]] of Object.entries(inside)) {
    if (HARMLESS.has(name)) {
      assert.ok(result > 0, `${name}: the probe can make system calls`);
      continue;
    }
    assert.ok(result < 0 && REFUSED.has(error), `${name} inside: ${result} ${error}`);
    if (ABSENT.has(name)) assert.equal(error, "ENOSYS", name);
    const control = outside[name];
    if (control === undefined || control[1] === "ENOSYS") continue; // not tried outside, or unknown to this kernel
    assert.ok(control[0] >= 0 || !REFUSED.has(control[1]), `${name} outside is refused too (${control[1]}), so it shows nothing`);
    controlled += 1;
  }
  assert.ok(controlled >= 30, `only ${controlled} refusals have a control`);
});

test("the capability sets are exactly the short list, in every set, and no-new-privileges and a filter are on", async () => {
  const bits = {
    CHOWN: 0,
    DAC_OVERRIDE: 1,
    FOWNER: 3,
    FSETID: 4,
    KILL: 5,
    SETGID: 6,
    SETUID: 7,
    NET_BIND_SERVICE: 10,
    SYS_CHROOT: 18,
    SETFCAP: 31,
  };
  const mask = Object.values(bits)
    .reduce((sum, bit) => sum + 2 ** bit, 0)
    .toString(16)
    .padStart(16, "0");
  const of = async (pid: string): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await capsule.sh(`cat /proc/${pid}/status`)).stdout
        .split("\n")
        .map((line) => [line.split(":")[0] ?? "", (line.split(":")[1] ?? "").trim()]),
    );
  const own = await of("self");
  assert.deepEqual([own["CapPrm"], own["CapEff"], own["CapBnd"]], [mask, mask, mask]);
  assert.equal(own["NoNewPrivs"], "1");
  assert.equal(own["Seccomp"], "2");
  assert.ok(Number(own["Seccomp_filters"]) >= 2, "the runtime's filter and the agent's");
  const agent = await of("1");
  assert.equal(agent["CapBnd"], mask, "PID 1's too");
  assert.equal(agent["NoNewPrivs"], "1");
  const beyond = [own["CapInh"], own["CapAmb"], agent["CapPrm"], agent["CapEff"]].filter(
    (set) => (BigInt(`0x${set ?? "0"}`) & ~BigInt(`0x${mask}`)) !== 0n,
  );
  assert.deepEqual(beyond, []);
});

test("what the short list leaves out cannot be done, and what it holds can", async () => {
  const can = await capsule.sh(
    "touch /tmp/f && chown 1000:1000 /tmp/f && chmod 4755 /tmp/f && stat -c '%u %a' /tmp/f && python3 -c 'import socket;s=socket.socket();s.bind((\"127.0.0.1\",80));print(80)'",
  );
  assert.equal(can.stdout, "1000 4755\n80\n");
  let ran = 0;
  for (const attempt of [
    "mknod /tmp/null c 1 3",
    "mknod /tmp/disk b 8 0",
    "mount -t tmpfs none /mnt",
    "mount --bind / /mnt",
    "umount /proc",
    "hostname evil",
    "date -s 2001-01-01",
    "chroot / hostname evil",
    "unshare -r true",
    "nsenter -t 1 -m true",
    "dmesg",
  ]) {
    const result = await capsule.sh(`command -v ${attempt.split(" ")[0]} >/dev/null || exit 99; ${attempt} 2>&1`);
    if (result.exit_code === 99) continue; // the template has no such program
    ran += 1;
    assert.ok(result.exit_code !== 0, `${attempt}: ${result.stdout}`);
    assert.match(result.stdout, /not permitted|denied|must be (root|superuser)|not implemented/i, `${attempt} failed for another reason`);
  }
  assert.ok(ran >= 6, `only ${ran} of the programs are there`);
});

test("a setuid binary raises nobody", async () => {
  const result = await capsule.sh(
    "cp $(command -v python3) /usr/local/bin/raised && chown 0:0 /usr/local/bin/raised && chmod 4755 /usr/local/bin/raised && stat -c %a /usr/local/bin/raised && python3 -c \"import os;os.setgroups([]);os.setgid(65534);os.setuid(65534);os.execv('/usr/local/bin/raised',['raised','-c','import os;print(os.getuid(),os.geteuid())'])\"",
  );
  assert.equal(result.stdout, "4755\n65534 65534\n", result.stderr);
});

test("no path of the host is visible in any table of mounts, cgroups or sockets", async () => {
  const { stdout } = await capsule.sh(
    "cat /proc/self/mountinfo /proc/1/mountinfo /proc/self/mounts /proc/self/mountstats /proc/self/cgroup /proc/1/cgroup /proc/net/unix 2>/dev/null",
  );
  assert.match(stdout, / \/ \/ .* - overlay /, "the tables were read");
  const { dataDir } = readState();
  for (const leak of [dataDir, "/var/lib", "capsuled", "cl-", "/run/", "/home", "/tmp/", hostname().length > 3 ? hostname() : "capsuled"]) {
    const line = stdout.split("\n").find((text) => text.includes(leak) && !/ \/run\/lock | \/tmp /.test(text));
    assert.equal(line, undefined, `${leak} in: ${line}`);
  }
});

test("a command's own cgroup path tells nothing of the host, and /sys/fs/cgroup offers nothing to write", async () => {
  const cgroup = await capsule.sh("cat /proc/self/cgroup");
  assert.ok(
    cgroup.stdout
      .split("\n")
      .filter((line) => line !== "")
      .every((line) => /^\d+:[^:]*:(\/\.\.)*\/(work|agent)?(\/slot-\d+)?$/.test(line) && !line.includes("..")),
    cgroup.stdout,
  );
  const found = await capsule.sh(
    "ls -A /sys/fs/cgroup 2>/dev/null | wc -l; find / -name 'cgroup.procs' -not -path '/proc/*' 2>/dev/null | wc -l; find / -name 'power' -path '/sys/*' 2>/dev/null | grep -c .; true",
  );
  assert.match(found.stdout, /^0\n0\n[1-9]\d*\n$/, "nothing of cgroups, while the search itself finds what is in /sys");
});

test("kernel settings, devices and triggers of the host can be neither written nor read", async () => {
  const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
  const writes = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/kernel/panic",
    "/proc/sys/fs/file-max",
    "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity",
    "/proc/mtrr",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/power/state",
    "/sys/module/kernel/parameters/panic",
  ];
  const write = async (file: string): Promise<string> =>
    (
      await capsule.sh(
        `test -e ${file} || exit 0; v=$(cat ${file} 2>/dev/null); (echo "\${v:-1}" > ${file}) 2>/dev/null && echo written || echo refused`,
      )
    ).stdout;
  assert.equal(await write("/proc/self/oom_score_adj"), "written\n", "the control: what may be written is");
  const answers = await Promise.all(writes.map(write));
  for (const [index, answer] of answers.entries()) assert.notEqual(answer, "written\n", writes[index]);
  assert.ok(answers.filter((answer) => answer === "refused\n").length >= 5, `most of them are there: ${JSON.stringify(answers)}`);
  assert.equal(readFileSync("/proc/sys/kernel/core_pattern", "utf8"), before);
  const reads = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/latency_stats",
    "/proc/scsi/scsi",
    "/proc/acpi/event",
    "/sys/firmware/dmi/tables/DMI",
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/kmsg",
  ];
  const read = async (file: string): Promise<string> => (await capsule.sh(`head -c 64 ${file} 2>/dev/null | wc -c`)).stdout.trim();
  assert.equal(await read("/proc/self/status"), "64", "the control: what may be read is");
  for (const file of reads) assert.equal(await read(file), "0", file);
  assert.equal((await capsule.sh("grep -cv '^0000000000000000' /proc/kallsyms; true")).stdout.trim(), "0", "no kernel address");
});

test("there is no device but the harmless ones, and none can be made", async () => {
  const walk =
    "import os,stat\nfor top,dirs,files in os.walk('/'):\n  if top=='/': dirs[:]=[d for d in dirs if d not in ('proc','sys')]\n  for f in files:\n    p=os.path.join(top,f)\n    m=os.lstat(p).st_mode\n    if stat.S_ISBLK(m) or stat.S_ISCHR(m): print(p)";
  const found = await capsule.python(walk);
  const devices = found.stdout.trim().split("\n").sort();
  assert.deepEqual(
    devices.filter((path) => path !== "/dev/pts/ptmx"),
    ["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"],
  );
  const made = await capsule.sh(
    "mknod /dev/mem c 1 1 2>&1; mknod /root/vda b 254 0 2>&1; python3 -c \"import os;os.mknod('/tmp/m',0o20666,os.makedev(1,1))\" 2>&1; ls /dev/mem /root/vda /tmp/m 2>/dev/null | wc -l",
  );
  assert.match(made.stdout, /\n0\n$/);
  assert.match(made.stdout, /not permitted/);
});

test("the old way out of a chroot reaches the capsule's own root and nothing of the host's", async () => {
  const marker = `/tmp/capsuled-marker-${process.pid}`;
  writeFileSync(marker, "host");
  try {
    await using other = await newCapsule();
    await other.sh("mkdir -p /only-in-this-capsule");
    const { jailed, reached } = await probe(other, "breakout", z.object({ jailed: z.array(z.string()), reached: z.array(z.string()) }));
    assert.ok(!jailed.includes("only-in-this-capsule"), "the jail was one");
    assert.ok(reached.includes("only-in-this-capsule"), "the break-out works as such");
    assert.equal((await other.sh(`ls ${marker} 2>&1 | grep -c 'No such'`)).stdout.trim(), "1");
  } finally {
    rmSync(marker);
  }
});

test("nothing of the host's environment, name or processes is to be seen", async () => {
  const seen = await capsule.sh(
    "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; hostname 2>/dev/null || cat /proc/sys/kernel/hostname; cat /etc/hostname /etc/hosts; ps -eo args=",
  );
  assert.match(seen.stdout, /HOME=\/root/);
  assert.ok(!seen.stdout.includes(HOST_CANARY));
  assert.ok(!seen.stdout.includes("CAPSULED_"));
  assert.ok(!seen.stdout.split("\n").includes(hostname()));
  assert.ok(!seen.stdout.includes("server/src/main.ts"));
  const pids = await capsule.sh("ls /proc | grep -cE '^[0-9]+$'");
  assert.ok(Number(pids.stdout) < 16, pids.stdout);
});

test("the capsule's processes are not root on the host, and the store that holds their files is closed and without setuid", async () => {
  const pids = pidsInCapsule(capsule.id);
  assert.ok(pids.length > 0);
  for (const pid of pids) {
    const uids =
      /^Uid:\s+(.*)$/m
        .exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
        ?.split(/\s+/)
        .map(Number) ?? [];
    assert.ok(uids.length === 4 && uids.every((uid) => uid >= 0x7000_0000), JSON.stringify(uids));
  }
  const { dataDir } = readState();
  assert.equal(statSync(`${dataDir}/store`).mode & 0o777, 0o700);
  const mount = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((line) => line.split(" ")[4] === `${dataDir}/store`);
  assert.ok(mount !== undefined && /nosuid/.test(mount) && /nodev/.test(mount), mount);
});

test("the host's /dev/null stays the host's, whatever is launched and whatever is done to it inside", async () => {
  await using other = await newCapsule();
  const { stdout } = await other.sh(
    "for f in /dev/null /dev/zero; do chmod 600 $f; chown 0 $f; touch -d 2001-01-01 $f; echo $?; done 2>/dev/null",
  );
  assert.equal(stdout, "1\n1\n");
  const { uid, gid, mode, mtime } = statSync("/dev/null");
  assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o666]);
  assert.notEqual(mtime.getUTCFullYear(), 2001);
});
