import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { startStream } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

/** Watching is not activity, so asking does not keep it awake. */
async function paused(capsule: TestCapsule, timeoutMs: number): Promise<void> {
  await waitUntil(async () => ((await capsule.get()).status === "paused" ? true : undefined), {
    what: "its pause",
    timeoutMs,
    everyMs: 50,
  });
}

test("the inactivity TTL pauses a capsule, never destroys it, and it resumes with everything", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule({ timeout_sec: 3 });
  const began = performance.now();
  await capsule.background({ cmd: "sleep", args: ["1000"], tag: "kept" });
  await paused(capsule, 30_000);
  const afterMs = performance.now() - began;
  assert.ok(afterMs > 2800, `${Math.round(afterMs)} ms after the last activity`);
  await capsule.resume();
  assert.ok((await capsule.processes()).some(({ tag }) => tag === "kept"));
});

test("without a TTL a capsule is not paused", async () => {
  await using capsule = await newCapsule({ timeout_sec: 0 });
  await sleep(3000);
  assert.equal((await capsule.get()).status, "running");
});

test("exec, ping and a kill are activity; watching is not", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule({ timeout_sec: 5 });
  for (let round = 0; round < 4; round++) {
    await sleep(1500);
    await (round % 2 === 0 ? capsule.sh("true") : expectCall("pingCapsule", 204, { params: { id: capsule.id } }));
    assert.equal((await capsule.get()).status, "running", `round ${round}`);
  }
  await paused(capsule, 30_000);
});

test(
  "a running foreground exec keeps a capsule awake, a silent background process does not, one that says busy does",
  { timeout: 300_000 },
  async () => {
    // Each is given its work at once: on a busy machine it would be paused before.
    const untilGo = { cmd: "sh", args: ["-c", "while [ ! -e /root/go ]; do sleep 0.05; done"] };
    await using busy = await newCapsule({ timeout_sec: 3 });
    await busy.background({ ...untilGo, busy: true });
    await using foreground = await newCapsule({ timeout_sec: 3 });
    const waited = foreground.exec(untilGo);
    await using silent = await newCapsule({ timeout_sec: 3 });
    await silent.background({ cmd: "sleep", args: ["1000"] });
    // Twice, so that the others have been without any other activity for longer than theirs.
    await paused(silent, 30_000);
    await silent.resume();
    await paused(silent, 30_000);
    assert.equal((await foreground.get()).status, "running");
    assert.equal((await busy.get()).status, "running");
    await foreground.sh("touch /root/go");
    assert.equal((await waited).exit_code, 0);
    await busy.sh("touch /root/go");
    await paused(foreground, 30_000);
    await paused(busy, 30_000);
  },
);

test("an open exec stream keeps a capsule awake until its process ends", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule({ timeout_sec: 3 });
  await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["12"] });
  await stream.message("start");
  await sleep(6000);
  assert.equal((await capsule.get()).status, "running");
  await stream.message("exit");
  await paused(capsule, 30_000);
});
