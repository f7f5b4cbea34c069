import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { attach } from "../harness/stream.ts";

/** More than the buffers of the server and of both ends of a socket, less than a journal keeps. */
const BYTES = 48 * 1024 * 1024;
/** A reader that takes nothing is let go after 30 s, and has 30 s more to learn it: in the middle of these. */
const ASLEEP_MS = 45_000;

test(
  "a reader that stalls is paced, then closed with slow_consumer, and comes back to the rest; the process and another reader do not wait",
  { timeout: 300_000 },
  async () => {
    await using capsule = await newCapsule({ memory_mb: 64 });
    const script = `while [ ! -e /root/go ]; do sleep 0.05; done; yes 0123456789abcde | head -c ${BYTES}`;
    const { id } = await capsule.background({ cmd: "sh", args: ["-c", script] });
    await using stalled = await attach(capsule.id, id, "?from=start");
    await using reader = await attach(capsule.id, id, "?from=start");
    stalled.socket.pause();
    const pausedAt = performance.now();
    await capsule.sh("touch /root/go");
    const exit = await reader.message("exit", () => true, 120_000);
    assert.deepEqual([exit.exit_code, exit.stdout_bytes], [0, BYTES]);
    const whole = reader.text();
    assert.equal(createHash("sha256").update(whole).digest("hex"), exit.stdout_sha256, "the other reader has all of it");
    assert.equal((await expectCall("getProcess", 200, { params: { id: capsule.id, selector: id } })).running, false);

    // Nothing that is sent can be seen without reading, and reading is what must not be.
    await sleep(Math.max(0, ASLEEP_MS - (performance.now() - pausedAt)));
    stalled.socket.resume();
    const { code } = await stalled.closed;
    assert.deepEqual([code, stalled.messages.at(-1)], [4000, stalled.messages.find(({ type }) => type === "error")]);
    const last = stalled.messages.at(-1);
    assert.ok(last?.type === "error" && last.code === "slow_consumer", JSON.stringify(last));
    const had = stalled.text();
    assert.ok(had.length < BYTES, "it was paced: not all of it was on its way");

    const seen = stalled.messages.reduce((seq, message) => (message.type === "stdout" ? message.seq : seq), 0);
    await using back = await attach(capsule.id, id, `?from=${seen + 1}`);
    await back.message("exit");
    assert.ok(had + back.text() === whole, "what it had and the rest are the whole");
  },
);
