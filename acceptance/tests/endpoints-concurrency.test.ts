import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, runEnded, runSeen } from "../harness/endpoint.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

/** Says how many of its kind run, itself included. */
const COUNTING = `sh -c 'mkdir /root/busy.$$; ls -d /root/busy.* 2>/dev/null | wc -l; sleep 0.15; ls -d /root/busy.* 2>/dev/null | wc -l; rmdir /root/busy.$$'`;
/** Ends when that many of its kind have run at once. */
const MEETING = `sh -c 'mkdir -p "/root/met.$0"; touch "/root/met.$0/$$"; until [ "$(ls "/root/met.$0" | wc -l)" -ge "$0" ]; do sleep 0.02; done'`;

test("never more than max_concurrency runs at once; the others wait their turn and all are done", async () => {
  await using one = await publish({ command: COUNTING, max_concurrency: 2, capsule: capsule.id });
  const results = await Promise.all(Array.from({ length: 10 }, () => one.json()));
  const most = Math.max(...results.flatMap(({ output = "" }) => output.trim().split("\n").map(Number)));
  assert.ok(most <= 2, `${most} at once`);
  assert.ok(results.every(({ exit_code: code }) => code === 0));
});

test("as many as allowed do run at once, and without the bound any number: the control", async () => {
  for (const [count, bound] of [
    [2, 2],
    [8, undefined],
  ] as const) {
    await using one = await publish({
      command: MEETING,
      args: [{ name: "n" }],
      capsule: capsule.id,
      ...(bound !== undefined && { max_concurrency: bound }),
    });
    const results = await Promise.all(Array.from({ length: count }, () => one.json({ body: { n: count } })));
    assert.ok(results.every(({ exit_code: code }) => code === 0));
  }
});

test(
  "beyond the queue a call is refused with 429 and Retry-After, and the queue is served when there is room",
  { timeout: 300_000 },
  async () => {
    await capsule.sh("rm -f /root/open");
    await using one = await publish({
      command: `sh -c 'until [ -e /root/open ]; do sleep 0.05; done; echo served'`,
      max_concurrency: 1,
      async: true,
      capsule: capsule.id,
    });
    const first = await one.accepted();
    await runSeen(first, ({ started_at: at }) => at !== null, "start");
    const queued = await Promise.all(Array.from({ length: 100 }, () => one.accepted()));
    assert.equal((await getRun(queued[0] ?? "")).status, "queued");
    const response = await one.call();
    const body: unknown = await response.json();
    assert.equal(response.status, 429, JSON.stringify(body));
    assert.equal(property(property(body, "error"), "code"), "queue_full");
    assert.ok(Number(response.headers.get("retry-after")) >= 1);
    for (const id of queued.slice(3)) await expectCall("cancelRun", 200, { params: { id } });
    const after = await one.accepted();
    await capsule.sh("touch /root/open");
    for (const id of [first, ...queued.slice(0, 3), after]) assert.equal((await runEnded(id)).output, "served\n");
    const starts = await Promise.all(
      [first, ...queued.slice(0, 3), after].map(async (id) => Date.parse((await getRun(id)).started_at ?? "")),
    );
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
      "first come, first served",
    );
  },
);

test("who waits longer than the timeout is told so, and its command has not run", async () => {
  await capsule.sh("rm -f /root/ran");
  await using one = await publish({
    command: `sh -c 'echo x >> /root/ran; sleep "$0"'`,
    args: [{ name: "long" }],
    timeout: 2,
    max_concurrency: 1,
    capsule: capsule.id,
  });
  // Its own time runs out while the second one's waiting does: whichever is first, the second may not have begun by its end.
  const first = one.refused(504, { body: { long: "10" } });
  await new Promise((done) => setTimeout(done, 300));
  const second = await one.call({ body: { long: "0" }, headers: { accept: "application/json" } });
  const text = await second.text();
  assert.ok(second.status === 429 || second.status === 200, text);
  await first;
  const ran = Number((await capsule.sh("wc -l < /root/ran")).stdout.trim());
  assert.equal(ran, second.status === 200 ? 2 : 1, "a call that was refused ran nothing");
});

test("sixteen callers at once, many times over, each get their own run's output", { timeout: 300_000 }, async () => {
  await using one = await publish({ command: "echo", args: [{ name: "n" }], capsule: capsule.id });
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < 300) {
      const n = `${next++}`;
      const { output, run_id: id } = await one.json({ body: { n } });
      assert.equal(output, `${n}\n`);
      if (Number(n) % 50 === 0) assert.equal((await getRun(id)).output, `${n}\n`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, caller));
  assert.equal((await one.runs({ limit: "1000" })).length, 300, "every call is recorded, once");
});
