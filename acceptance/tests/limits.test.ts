import assert from "node:assert/strict";
import { readFileSync, statfsSync } from "node:fs";
import { cpus } from "node:os";
import { test } from "node:test";
import { call, expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { agentPid, cgroupDirsWith, limitsOf, pidsInCapsule, processUse } from "../harness/host.ts";
import { readState } from "../harness/state.ts";
import { startStream } from "../harness/stream.ts";
import { isAlive, waitUntil } from "../harness/wait.ts";

test("a process that allocates past memory_mb is OOM-killed and says so, and its capsule lives", async () => {
  await using capsule = await newCapsule({ memory_mb: 64 });
  const agent = agentPid(capsule.id);
  const fits = await capsule.python("b=bytearray(24<<20);print(len(b))");
  assert.equal(fits.stdout, `${24 << 20}\n`, "what fits works");
  for (let round = 0; round < 3; round++) {
    const killed = await capsule.python("b=bytearray()\nwhile True: b+=b'x'*(1<<20)", { timeout: 60 });
    assert.deepEqual([killed.reason, killed.signal, killed.exit_code], ["oom_killed", "SIGKILL", 137]);
    assert.ok(killed.oom_kills >= 1);
    assert.equal((await capsule.sh("echo alive")).stdout, "alive\n");
  }
  assert.equal((await capsule.get()).status, "running");
  assert.ok(isAlive(agent), "the agent is the same process");
});

test("when a child is OOM-killed and its parent exits by itself, that is an exit with the kills counted", async () => {
  await using capsule = await newCapsule({ memory_mb: 64 });
  const result = await capsule.sh(`python3 -c "b=bytearray(200<<20)"; echo survived $?`, { timeout: 60 });
  assert.deepEqual([result.stdout, result.reason, result.exit_code], ["survived 137\n", "exited", 0]);
  assert.ok(result.oom_kills >= 1);
});

test("memory held in /dev/shm counts and cannot be more than a part of the limit", async () => {
  await using capsule = await newCapsule({ memory_mb: 64 });
  const filled = await capsule.sh("dd if=/dev/zero of=/dev/shm/fill bs=1M count=200 2>&1 | tail -n 1; stat -c %s /dev/shm/fill");
  const size = Number(filled.stdout.trim().split("\n").at(-1));
  assert.ok(size > 8 << 20 && size <= 16 << 20, `${size} bytes fitted`);
  assert.equal((await capsule.sh("echo alive")).stdout, "alive\n");
});

test(
  "vcpus 1 gives two busy threads one core",
  { skip: cpus().length < 2 && "this host has one core only", timeout: 300_000 },
  async () => {
    const burn =
      "import os,time\nif os.fork()==0:\n e=time.monotonic()+3\n while time.monotonic()<e: pass\n os._exit(0)\ne=time.monotonic()+3\nwhile time.monotonic()<e: pass\nos.wait()\nt=os.times()\nprint(t.user+t.system+t.children_user+t.children_system)";
    await using one = await newCapsule({ vcpus: 1 });
    await using two = await newCapsule({ vcpus: 2 });
    assert.deepEqual([limitsOf(one.id).vcpus, limitsOf(two.id).vcpus], [1, 2], "the limits that the kernel was given");
    // Where others use the cores it may take some rounds until it could have had more than its one.
    for (let round = 0; round < 5 && throttled(one.id) === 0; round++) {
      const seconds = Number((await one.python(burn)).stdout);
      assert.ok(seconds > 0 && seconds < 3.6, `${seconds} s of cpu in 3 s`);
      if (seconds > 2.7) assert.ok(throttled(one.id) > 0, "it was held back by its limit, not by others' load");
    }
    if (throttled(one.id) === 0) return; // never: others had the cores all the time
    const before = throttled(two.id);
    assert.ok(Number((await two.python(burn)).stdout) > 0);
    assert.ok(throttled(two.id) - before < throttled(one.id), "the control: with twice the limit it is not held back so");
  },
);

/** Periods in which the kernel held a capsule back, by its own count. */
function throttled(capsuleId: string): number {
  const counts = cgroupDirsWith(capsuleId, "cpu.stat")
    .filter((dir) => dir.endsWith("/work"))
    .flatMap((dir) => /^nr_throttled (\d+)$/m.exec(readFileSync(`${dir}/cpu.stat`, "utf8"))?.[1] ?? []);
  assert.ok(counts.length > 0, "the kernel's count was found");
  return Math.max(...counts.map(Number));
}

test(
  "a fork bomb meets errors inside its capsule, its neighbour goes on, and its own exec and DELETE work",
  { timeout: 300_000 },
  async () => {
    await using neighbour = await newCapsule();
    await using bomb = await newCapsule({ memory_mb: 256 });
    const fork =
      "import os,sys,time\nn=0\nwhile True:\n try:\n  p=os.fork()\n  if p==0: time.sleep(1000)\n  n+=1\n except OSError as e:\n  print(n, e.errno, flush=True); break\ntime.sleep(1000)";
    await using stream = await startStream(bomb.id, { cmd: "python3", args: ["-c", fork], tag: "bomb" });
    const printed = await stream.printed((text) => text.includes("\n"));
    const [count, errno] = printed.trim().split(" ").map(Number);
    assert.ok(count !== undefined && count > 100 && count < 600, `${count} forks`);
    assert.equal(errno, 11, "EAGAIN");
    const busy = await bomb.background({ cmd: "bash", args: ["-c", "b() { b | b & }; b; sleep 1000"] }).catch(() => null);
    const answer = await call("exec", { params: { id: bomb.id }, body: { cmd: "true", timeout: 10 } });
    assert.ok([200, 503].includes(answer.status), `an exec into a full capsule answers: ${answer.status} ${JSON.stringify(answer.body)}`);
    const began = performance.now();
    assert.equal((await neighbour.sh("echo fine")).stdout, "fine\n");
    assert.ok(performance.now() - began < 30_000, "the neighbour did not wait for the bomb");
    await expectCall("killProcess", 204, { params: { id: bomb.id, selector: "bomb" } });
    if (busy !== null) await call("killProcess", { params: { id: bomb.id, selector: busy.id } });
    const after = performance.now();
    await bomb[Symbol.asyncDispose]();
    assert.ok(performance.now() - after < 30_000, "its DELETE did not wait for the bomb");
  },
);

test(
  "a capsule that a fork bomb has filled lists its processes, and is asked about one of them meanwhile",
  { timeout: 300_000 },
  async () => {
    await using capsule = await newCapsule({ memory_mb: 64, vcpus: 1 });
    const bomb = await capsule.background({ cmd: "bash", args: ["-c", "b() { b | b & }; b; sleep 1000"], tag: "bomb" });
    await waitUntil(() => (pidsInCapsule(capsule.id).length > 100 ? true : undefined), { what: "the bomb" });
    let others = 0;
    for (let round = 0; round < 4; round++) {
      // Each may be one that the OOM killer took: what counts is that the agent answers.
      const [list] = await Promise.all([
        capsule.processes(),
        expectCall("getProcess", 200, { params: { id: capsule.id, selector: bomb.id } }),
      ]);
      const foreign = list.filter(({ id }) => id === null);
      assert.ok(
        foreign.every(({ cmd }) => cmd.length > 0),
        "each has a command or a name",
      );
      others += foreign.length;
    }
    assert.ok(others > 100, `${others} processes of the bomb were listed`);
  },
);

test("a real fork bomb is destroyed at once", { timeout: 300_000 }, async () => {
  const bomb = await newCapsule();
  await bomb.background({ cmd: "bash", args: ["-c", "b() { b | b & }; b"] });
  await waitUntil(
    async () => ((await call("exec", { params: { id: bomb.id }, body: { cmd: "true", timeout: 5 } })).status !== 200 ? true : undefined),
    { what: "it to fill the capsule", timeoutMs: 10_000 },
  ).catch(() => {});
  const began = performance.now();
  await bomb[Symbol.asyncDispose]();
  assert.ok(performance.now() - began < 30_000);
});

test("a full disk is ENOSPC or EDQUOT inside, and nothing outside notices", { timeout: 300_000 }, async () => {
  await using neighbour = await newCapsule();
  await using capsule = await newCapsule({ disk_mb: 64 });
  const { dataDir } = readState();
  const before = statfsSync(dataDir);
  const program =
    "import os,errno\nf=open('/root/fill','wb',0)\nn=0\ntry:\n while True: n+=f.write(os.urandom(1<<20)); os.fsync(f.fileno())\nexcept OSError as e: print(n>>20, errno.errorcode[e.errno])";
  const [megabytes, name] = (await capsule.python(program, { timeout: 60 })).stdout.trim().split(" ");
  assert.ok(name === "ENOSPC" || name === "EDQUOT", name);
  assert.ok(Number(megabytes) >= 32 && Number(megabytes) <= 66, `${megabytes} MiB of 64 fitted`);
  const small = await capsule.sh("echo x > /root/small; echo y > /tmp/small; cat /root/small /tmp/small 2>/dev/null | wc -c");
  assert.equal(small.exit_code, 0, "a full disk does not stop execs");
  assert.equal(
    (await neighbour.sh("dd if=/dev/zero of=/root/f bs=1M count=100 status=none && sync /root/f && stat -c %s /root/f")).stdout,
    `${100 << 20}\n`,
  );
  const after = statfsSync(dataDir);
  assert.ok((before.bavail - after.bavail) * before.bsize < 400 << 20);
  assert.equal(
    (await capsule.sh("rm /root/fill && sync && echo again > /root/again && cat /root/again")).stdout,
    "again\n",
    "what is removed can be used again",
  );
});

test("many small files are bounded by disk_mb too", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule({ disk_mb: 32 });
  const program =
    "import os,errno\nn=0\nos.mkdir('/root/d')\ntry:\n while n<2000000:\n  open('/root/d/%0250d'%n,'w').close(); n+=1\nexcept OSError as e: print(n, errno.errorcode[e.errno])\nelse: print(n,'unbounded')";
  // Until the disk is full, however long the machine takes; with long names that is soon.
  const result = (await capsule.python(program, { timeout: 0 })).stdout.trim();
  assert.match(result, /EDQUOT|ENOSPC/, result);
});

test("a flood of output grows neither the agent nor the server", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  const agent = agentPid(capsule.id);
  const server = readState().pid;
  const before = { agent: processUse(agent).rssBytes, server: processUse(server).rssBytes };
  const flood = "import sys\nb=b'x'*65535+b'\\n'\nfor _ in range(16000): sys.stdout.buffer.write(b)";
  await using stalled = await startStream(capsule.id, { cmd: "python3", args: ["-c", flood] });
  await stalled.message("start");
  stalled.socket.pause();
  const unread = await capsule.background({ cmd: "python3", args: ["-c", flood] });
  const read = await capsule.python(flood, { timeout: 60 });
  assert.equal(read.stdout_bytes, 16_000 * 65_536);
  await waitUntil(async () => ((await capsule.processes()).some(({ id }) => id === unread.id) ? undefined : true), {
    what: "the unread flood's end",
    timeoutMs: 60_000,
  });
  const grown = { agent: processUse(agent).rssBytes - before.agent, server: processUse(server).rssBytes - before.server };
  assert.ok(grown.agent < 32 << 20, `the agent grew by ${grown.agent >> 20} MiB`);
  assert.ok(grown.server < 256 << 20, `the server grew by ${grown.server >> 20} MiB`);
});

test("thousands of ended processes grow the agent by no more than what is kept of them", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  const agent = agentPid(capsule.id);
  await Promise.all(Array.from({ length: 200 }, () => capsule.exec({ cmd: "true" })));
  const before = processUse(agent);
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 100 }, () => capsule.exec({ cmd: "true" })));
  const after = processUse(agent);
  assert.ok(after.rssBytes - before.rssBytes < 4 << 20, `grew by ${after.rssBytes - before.rssBytes} bytes`);
  assert.ok(
    after.descriptors <= before.descriptors + 64, // connections and children kept ready come and go
    `${before.descriptors} descriptors became ${after.descriptors}`,
  );
});

test("the limits stand in the cgroups of the capsule's work, and the agent's own is apart from them", async () => {
  await using capsule = await newCapsule({ memory_mb: 96 });
  const holding = [...cgroupDirsWith(capsule.id, "memory.limit_in_bytes"), ...cgroupDirsWith(capsule.id, "memory.max")];
  assert.ok(holding.some((dir) => dir.endsWith("/work")) && holding.some((dir) => dir.endsWith("/agent")), JSON.stringify(holding));
});

test("more vcpus or memory than the host has is a 400 that says how much there is", async () => {
  const error = await expectError("createCapsule", "invalid_request", { body: { vcpus: cpus().length + 1 } });
  assert.ok(JSON.stringify(error).includes(String(cpus().length)));
});
