import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { z } from "zod";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { agentPid, processUse } from "../harness/host.ts";
import { outcomes, probe } from "../harness/probe.ts";
import { startStream } from "../harness/stream.ts";
import { isAlive, waitUntil } from "../harness/wait.ts";

/** PID 1 of every capsule is the agent. None of this may touch it, and after each attack a command must still run. */
let capsule: TestCapsule;
let agent: number;
before(async () => {
  capsule = await newCapsule();
  agent = agentPid(capsule.id);
});
after(() => capsule[Symbol.asyncDispose]());

/** `own` when the target is the attacker itself: a child that waited may have become it. */
const attacked = z.object({ own: z.boolean(), control: outcomes, target: outcomes });
const REFUSED = new Set(["EPERM", "EACCES"]);

async function stillWell(): Promise<void> {
  assert.equal((await capsule.sh("echo well")).stdout, "well\n");
  assert.ok(isAlive(agent), "PID 1 is the same process");
  assert.equal(agentPid(capsule.id), agent);
}

test("PID 1 can be neither traced, read, written, entered nor robbed of a descriptor; a child of one's own can", async () => {
  const { control, target } = await probe(capsule, "protected", attacked, ["1"]);
  const allowed = Object.entries(control).filter(([, outcome]) => outcome === "ok");
  assert.ok(allowed.length >= 20, `the attacks themselves work: ${JSON.stringify(control)}`);
  for (const [name] of allowed) assert.ok(REFUSED.has(target[name] ?? ""), `${name} of PID 1: ${target[name]}`);
  await stillWell();
});

test("processes of the agent that are not in the list are as much out of reach as PID 1", async () => {
  const listed = new Set((await capsule.processes()).map(({ pid }) => String(pid)));
  const seen = (await capsule.sh("for p in /proc/[0-9]*; do echo ${p#/proc/}; done; echo self $$")).stdout.trim().split("\n");
  const own = seen.find((line) => line.startsWith("self "))?.split(" ")[1];
  const hidden = seen.filter((pid) => /^\d+$/.test(pid) && pid !== "1" && pid !== own && !listed.has(pid));
  assert.ok(hidden.length > 0 && hidden.length < 16, JSON.stringify(seen));
  let reached = 0;
  for (const pid of hidden) {
    const { own: itself, control, target } = await probe(capsule, "protected", attacked, [pid]);
    if (itself || Object.values(target).every((outcome) => outcome === "ENOENT" || outcome === "ESRCH")) continue; // taken for a command since
    reached += 1;
    for (const [name, outcome] of Object.entries(control)) {
      if (outcome === "ok")
        assert.ok(
          REFUSED.has(target[name] ?? "") || target[name] === "ESRCH" || target[name] === "ENOENT",
          `${name} of ${pid}: ${target[name]}`,
        );
    }
  }
  assert.ok(reached > 0, "at least one of them was there to be attacked");
  await stillWell();
});

test("PID 1 cannot be starved: limits, affinity, scheduling, priority and I/O priority stay as they are", async () => {
  const before = standing(agent);
  const found = await probe(capsule, "starve", outcomes);
  for (const name of ["control_prlimit_own", "control_affinity_own", "control_nice_own"])
    assert.equal(found[name], "ok", `${name}: the calls themselves work`);
  assert.deepEqual(standing(agent), before, `what was tried: ${JSON.stringify(found)}`);
  await stillWell();
});

/** What the kernel says of a process's limits and its place in line, seen from the host. */
function standing(pid: number): unknown {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    limits: readFileSync(`/proc/${pid}/limits`, "utf8"),
    allowed: /^Cpus_allowed:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
    priority: fields[15],
    nice: fields[16],
    policy: fields[38],
    ioPriority: execFileSync("ionice", ["-p", String(pid)], { encoding: "utf8" }),
    oom: readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"),
  };
}

test("no signal from inside ends, stops or harms PID 1", async () => {
  const sent = await capsule.python("import os\nn=0\nfor s in range(1,65):\n  try: os.kill(1,s); n+=1\n  except OSError: pass\nprint(n)");
  assert.ok(Number(sent.stdout) > 50, `the signals were sent: ${sent.stdout}`);
  assert.match(readFileSync(`/proc/${agent}/status`, "utf8"), /^State:\s+[SR]/m);
  await stillWell();
  // A signal for whose sender the kernel has no room looks as if the host had sent it.
  const { queued, sent: nameless } = await probe(capsule, "nameless-signal", z.object({ queued: z.number(), sent: z.number() }));
  assert.ok(queued > 0 && nameless === 2, `the queue was full and the signals were sent: ${queued}, ${nameless}`);
  // Longer than the 2 s that the agent gives its processes when the host ends it.
  await capsule.sh("sleep 3");
  await stillWell();
});

test("kill -9 -1 by root ends the capsule's processes but no later command", async () => {
  for (let round = 0; round < 5; round++) {
    const started = await capsule.background({ cmd: "sleep", args: ["1000"] });
    const killed = await capsule.sh("kill -9 -1; echo unreached");
    assert.ok(killed.reason === "signaled" || killed.stdout === "unreached\n", JSON.stringify(killed));
    await stillWell();
    await waitUntil(async () => ((await capsule.processes()).some(({ id }) => id === started.id) ? undefined : true), {
      what: "the end of the others: the kill did reach them",
    });
  }
});

test("kill -STOP -1 by root stops no later command", async () => {
  for (let round = 0; round < 3; round++) {
    const result = await capsule.sh("kill -STOP -1; echo sent", { timeout: 10 });
    assert.equal(result.stdout, "sent\n");
    await stillWell();
  }
});

test(
  "a process that kills all others in a loop cannot keep commands from being ended or the capsule from being destroyed",
  { timeout: 300_000 },
  async () => {
    await using other = await newCapsule();
    const loop = await other.background({
      cmd: "python3",
      args: [
        "-c",
        "import os,signal\nwhile True:\n for p in os.listdir('/proc'):\n  if p.isdigit() and int(p) not in (1, os.getpid()):\n   try: os.kill(int(p), 9)\n   except OSError: pass",
      ],
    });
    const victim = await other.background({ cmd: "sleep", args: ["1000"] }).catch(() => null);
    await waitUntil(async () => ((await other.processes()).some(({ id }) => id === victim?.id) ? undefined : true), {
      what: "the loop to kill another",
      timeoutMs: 30_000,
    });
    assert.ok(
      (await other.processes()).some(({ id }) => id === loop.id),
      "and it goes on",
    );
    await expectCall("killProcess", 204, { params: { id: other.id, selector: loop.id } });
    assert.equal((await other.sh("echo well")).stdout, "well\n");
  },
);

test("full /dev, /dev/shm and /tmp do not stop the agent", async () => {
  await using small = await newCapsule({ disk_mb: 32, memory_mb: 64 });
  const fill = await small.sh(
    "for d in /dev /dev/shm /tmp /root /run; do dd if=/dev/zero of=$d/fill bs=64k count=2000 2>&1 | tail -n 1; n=0; while [ $n -lt 3000 ] && true > $d/f$n; do n=$((n+1)); done 2>/dev/null; echo $d $n; done",
    { timeout: 90 },
  );
  const dirs = ["/dev", "/dev/shm", "/tmp", "/root", "/run"];
  const reached = dirs.filter((dir) => new RegExp(`^${dir} \\d+$`, "m").test(fill.stdout));
  assert.deepEqual(reached, dirs, `each was filled: ${fill.stdout}`);
  assert.match(fill.stdout, /^65536 bytes .*\n\/dev \d+$/m, "/dev to its bound");
  assert.match(fill.stdout, /Disk quota exceeded|No space left/, "the disk to its bound");
  for (let round = 0; round < 10; round++) assert.equal((await small.sh("echo well")).stdout, "well\n");
  assert.equal((await small.get()).status, "running");
});

test("the agent's socket, control directory, binary and secret cannot be found from inside", async () => {
  const found = await capsule.sh(
    ": > /root/control.sock; cat /proc/net/unix | tail -n +2; find / -xdev \\( -name '*.sock' -o -name '*capsuled*' -o -name 'cl-*' \\) -not -path '/proc/*' 2>/dev/null; grep -a . /proc/1/cmdline; cat /proc/1/comm; echo end",
  );
  assert.match(found.stdout, /end\n$/);
  assert.ok(found.stdout.includes("/root/control.sock\n"), "the search finds what is there");
  const rest = found.stdout.replace("/root/control.sock\n", "");
  assert.ok(!/\/run\/capsuled|\.sock|cl-[0-9a-z]{25}|[0-9a-f]{64}/.test(rest), rest);
});

test("commands inherit no descriptor but their own three, in the foreground, in the background and on a stream", async () => {
  const list = "import os;print(sorted(int(f) for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/'+f)))";
  assert.equal((await capsule.python(list)).stdout, "[0, 1, 2]\n");
  assert.equal((await capsule.python(list, { stdin: "x" })).stdout, "[0, 1, 2]\n");
  await using stream = await startStream(capsule.id, { cmd: "python3", args: ["-c", list] });
  await stream.message("exit");
  assert.equal(stream.text(), "[0, 1, 2]\n");
});

test("a flood of forks, sessions and zombies leaves the agent no zombie and no descriptor", { timeout: 300_000 }, async () => {
  const before = processUse(agent);
  const flood = await capsule.python(
    "import os\nfor _ in range(2000):\n  p=os.fork()\n  if p==0:\n    os.setsid()\n    if os.fork()==0: os._exit(0)\n    os._exit(0)\n  os.waitpid(p,0)\nprint('flooded')",
    { timeout: 50 },
  );
  assert.equal(flood.stdout, "flooded\n", flood.stderr);
  const states = await waitUntil(
    async () => {
      const { stdout } = await capsule.sh("ps -eo stat=");
      return stdout.includes("Z") ? undefined : stdout; // the last of them may still be on its way
    },
    { what: "the last zombie's end" },
  );
  assert.match(states, /[SR]/, "the list was read");
  const afterwards = processUse(agent);
  assert.ok(afterwards.descriptors <= before.descriptors + 4);
  assert.ok(readdirSync(`/proc/${agent}/task`).length <= 2, "its own thread, and the one that reads command lines for lists");
});

test("open files of a process have a bound, which it may raise up to another and not beyond", async () => {
  const program =
    "import errno,os,resource\nsoft,hard=resource.getrlimit(resource.RLIMIT_NOFILE)\nn=0\ntry:\n  while n<200000: os.open('/dev/null',0); n+=1\nexcept OSError as e: name=errno.errorcode[e.errno]\nresource.setrlimit(resource.RLIMIT_NOFILE,(hard,hard))\nmore=hard==soft or os.open('/dev/null',0)>=soft\ntry: resource.setrlimit(resource.RLIMIT_NOFILE,(hard+1,hard+1)); beyond='ok'\nexcept (OSError,ValueError): beyond='refused'\nprint(soft,hard,n+3,name,more,beyond)";
  const [soft, hard, opened, error, more, beyond] = (await capsule.python(program)).stdout.trim().split(" ");
  assert.deepEqual([opened, error, more, beyond], [soft, "EMFILE", "True", "refused"]);
  assert.ok(Number(hard) > 0 && Number(hard) <= 1_048_576, `the host's own, where that is lower: ${hard}`);
  assert.equal(Number(soft), Math.min(65_536, Number(hard)));
  await stillWell();
});
