import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { pidsInCapsule } from "../harness/host.ts";
import { attach, startStream } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

const COUNTER =
  "import time\nn=0\nwhile True:\n n+=1\n open('/root/n.new','w').write(str(n)); __import__('os').rename('/root/n.new','/root/n'); time.sleep(0.005)";

/** Milliseconds without a line after which a program that prints one every 5 ms stands still. */
const STILL_MS = 600;

test("pause stops every process and resume lets each go on with its memory and files", async () => {
  await using capsule = await newCapsule();
  await capsule.sh("echo kept > /dev/shm/memory; echo kept > /root/disk");
  await using counter = await startStream(capsule.id, {
    cmd: "python3",
    args: ["-uc", "import time\nn=0\nwhile True:\n n+=1;print(n,flush=True);time.sleep(0.005)"],
  });
  await counter.printed((text) => text.includes("\n20\n"));
  const pids = pidsInCapsule(capsule.id);
  const paused = await capsule.pause();
  assert.equal(paused.status, "paused");
  // What was on its way comes; then there is nothing for longer than a hundred of its lines take.
  const during = await waitUntil(
    async () => {
      const before = counter.text();
      await sleep(STILL_MS);
      return counter.text() === before ? before : undefined;
    },
    { what: "nothing more to come" },
  );
  assert.deepEqual(
    pidsInCapsule(capsule.id).filter((pid) => pids.includes(pid)),
    pids.filter((pid) => pidsInCapsule(capsule.id).includes(pid)),
  );
  const resumed = await capsule.resume();
  assert.equal(resumed.status, "running");
  const last = Number(during.trim().split("\n").at(-1));
  await counter.printed((text) => text.includes(`\n${last + 20}\n`));
  const numbers = counter.text().trim().split("\n").map(Number);
  assert.ok(
    numbers.every((n, i) => n === i + 1),
    "it goes on where it was, without a line lost or doubled",
  );
  assert.equal((await capsule.sh("cat /dev/shm/memory /root/disk")).stdout, "kept\nkept\n");
});

test("a process that only counts makes no step while it is paused, seen from the host", async () => {
  await using capsule = await newCapsule();
  await capsule.background({ cmd: "python3", args: ["-c", COUNTER] });
  await capsule.sh("while [ ! -s /root/n ]; do sleep 0.01; done");
  const at = async (): Promise<number> => Number((await capsule.sh("cat /root/n")).stdout);
  const began = performance.now();
  const one = await at();
  await capsule.pause();
  const pausedAt = performance.now();
  await sleep(4000);
  const pausedMs = performance.now() - pausedAt;
  await capsule.resume();
  const two = await at();
  // A step takes 5 ms at least, and this host may have been slow to pause and to resume.
  const most = Math.ceil((performance.now() - began - pausedMs) / 5) + 1;
  assert.ok(two - one <= most, `${two - one} steps over a pause of 4 s, of which ${most} at most were around it`);
});

test("a capsule may be paused for longer than a running exec's timeout: paused time does not count", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  const waiting = "while [ ! -e /root/go ]; do sleep 0.05; done; echo done";
  const running = capsule.exec({ cmd: "sh", args: ["-c", waiting], timeout: 5 });
  await waitUntil(async () => ((await capsule.processes()).length > 0 ? true : undefined), { what: "its start" });
  await capsule.pause();
  await sleep(5500);
  await capsule.resume();
  await capsule.sh("touch /root/go");
  const result = await running;
  assert.deepEqual([result.stdout, result.reason], ["done\n", "exited"]);
});

test("a stream that was open at the pause stays open and silent, and goes on after it", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  await using stream = await startStream(capsule.id, { cmd: "cat", stdin: true });
  await stream.message("start");
  stream.send({ type: "stdin", data: "before\n" });
  await stream.printed((text) => text === "before\n");
  await capsule.pause();
  stream.send({ type: "stdin", data: "during\n" });
  await sleep(500);
  assert.equal(stream.text(), "before\n");
  await capsule.resume();
  await stream.printed((text) => text === "before\nduring\n");
  stream.send({ type: "stdin_close" });
  assert.equal((await stream.message("exit")).exit_code, 0);
});

test("a paused capsule takes no command, can be read, stopped and destroyed", async () => {
  await using capsule = await newCapsule();
  const at = { params: { id: capsule.id } };
  await capsule.background({ cmd: "sleep", args: ["1000"], tag: "asleep" });
  await capsule.pause();
  await expectError("exec", "invalid_state", { ...at, body: { cmd: "true" } });
  await expectError("killProcess", "invalid_state", { params: { id: capsule.id, selector: "asleep" } });
  assert.equal((await capsule.get()).status, "paused");
  const stopped = await expectCall("stopCapsule", 200, at);
  assert.equal(stopped.status, "stopped");
  assert.deepEqual(pidsInCapsule(capsule.id), []);
});

test("pause and resume can follow each other many times under load", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule({ vcpus: 1 });
  await capsule.background({ cmd: "sh", args: ["-c", "while :; do :; done"] });
  const started = await capsule.background({ cmd: "sh", args: ["-c", "while :; do sh -c 'echo x'; done > /dev/null"] });
  for (let round = 0; round < 15; round++) {
    assert.equal((await capsule.pause()).status, "paused");
    assert.equal((await capsule.resume()).status, "running");
  }
  assert.equal((await capsule.sh("echo alive")).stdout, "alive\n");
  await using stream = await attach(capsule.id, started.id);
  assert.equal((await stream.message("start")).pid, started.pid);
});
