import assert from "node:assert/strict";
import { test } from "node:test";
import { Acts } from "./acts.ts";

test("acts on one capsule run one at a time and in order, on different capsules at once", async () => {
  const acts = new Acts();
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = acts.run("a", "boot", async () => {
    log.push("a boot begins");
    await gate.promise;
    log.push("a boot ends");
  });
  const second = acts.run("a", "pause", async () => {
    log.push("a pause");
  });
  await acts.run("b", "boot", async () => {
    log.push("b boot");
  });
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(log, ["a boot begins", "b boot", "a boot ends", "a pause"]);
  assert.equal(acts.busy("a"), false);
});

test("a repeat of the act queued last joins it instead of running twice", async () => {
  const acts = new Acts();
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const destroy = async (): Promise<void> => {
    runs += 1;
    await gate.promise;
  };
  const all = [acts.run("a", "destroy", destroy), acts.run("a", "destroy", destroy), acts.run("a", "destroy", destroy)];
  gate.resolve();
  await Promise.all(all);
  assert.equal(runs, 1);
});

test("a failed act fails its own callers only", async () => {
  const acts = new Acts();
  const failed = acts.run("a", "pause", async () => {
    throw new Error("no");
  });
  const next = acts.run("a", "destroy", async () => {});
  await assert.rejects(failed, /no/);
  await next;
  await acts.settled();
});

test("more than eight waiting acts on one capsule are refused", async () => {
  const acts = new Acts();
  const gate = Promise.withResolvers<void>();
  const running = Array.from({ length: 8 }, (_, i) => acts.run("a", `act ${i}`, () => gate.promise));
  await assert.rejects(
    acts.run("a", "one more", async () => {}),
    { code: "unavailable" },
  );
  gate.resolve();
  await Promise.all(running);
});

test("abort reaches the act under way and not the next", async () => {
  const acts = new Acts();
  const begun = Promise.withResolvers<void>();
  const boot = acts.run("a", "boot", async (signal) => {
    begun.resolve();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  });
  await begun.promise;
  let aborted: boolean | undefined;
  const destroy = acts.run("a", "destroy", async (signal) => {
    aborted = signal.aborted;
  });
  acts.abort("a");
  await Promise.all([boot, destroy]);
  assert.equal(aborted, false);
});
