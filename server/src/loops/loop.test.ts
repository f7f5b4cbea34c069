import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "../core/ports/log.ts";
import { startLoop, TICK_MS_MAX } from "./loop.ts";
import { Loops } from "./loops.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const nobody = { begin() {}, end() {} };

test("a loop goes on after a tick that threw, as a promise or at once", async () => {
  let ticks = 0;
  const third = Promise.withResolvers<void>();
  const loop = startLoop(
    {
      name: "t",
      everyMs: 1,
      tick() {
        ticks += 1;
        if (ticks === 3) third.resolve();
        if (ticks === 1) throw new Error("no");
        return Promise.reject(new Error("no"));
      },
    },
    silent,
    nobody,
  );
  const alive = setInterval(() => {}, 1000);
  await third.promise;
  clearInterval(alive);
  await loop.close();
  assert.equal(ticks, 3);
});

test("closing a loop waits for the tick under way and begins no other", async () => {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let done = 0;
  const loop = startLoop(
    {
      name: "t",
      everyMs: 1,
      async tick() {
        begun.resolve();
        await gate.promise;
        done += 1;
      },
    },
    silent,
    nobody,
  );
  const alive = setInterval(() => {}, 1000);
  await begun.promise;
  const closing = loop.close();
  gate.resolve();
  await closing;
  clearInterval(alive);
  assert.equal(done, 1);
});

test("a loop that says its waits itself ticks at each whole second, however long its ticks take", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 12_345 });
  const at: number[] = [];
  const tookMs = [0, 300, 999, 1000, 1500];
  const loop = startLoop(
    {
      name: "t",
      everyMs: () => 1000 - (Date.now() % 1000),
      async tick() {
        at.push(Date.now());
        context.mock.timers.setTime(Date.now() + (tookMs[at.length - 1] ?? 0));
      },
    },
    silent,
    nobody,
  );
  while (at.length < 6) {
    context.mock.timers.runAll();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await loop.close();
  assert.deepEqual(at, [13_000, 14_000, 15_000, 16_000, 18_000, 20_000]);
});

test("a loop whose tick does not end is told once, waits for it all the same, and is well again when it ends", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const told: string[] = [];
  const log: Log = {
    ...silent,
    warn: (_, message) => told.push(message),
    error: ({ loop }, message) => told.push(`${String(loop)}: ${message}`),
  };
  const loops = new Loops(log);
  let gate = Promise.withResolvers<void>();
  let ticks = 0;
  const loop = loops.start({
    name: "stuck",
    everyMs: 1,
    tick() {
      ticks += 1;
      return gate.promise;
    },
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  context.mock.timers.tick(2);
  await turn();
  context.mock.timers.tick(TICK_MS_MAX - 1);
  assert.deepEqual([ticks, loops.standing, told], [1, [], []]);
  context.mock.timers.tick(1);
  assert.deepEqual(loops.standing, ["stuck"]);
  context.mock.timers.tick(3 * TICK_MS_MAX);
  assert.deepEqual([ticks, told], [1, ["stuck: a loop stands still: its tick has not ended"]]);
  const first = gate;
  gate = Promise.withResolvers();
  first.resolve();
  await turn();
  assert.deepEqual([loops.standing, told.at(-1)], [[], "a loop that stood still goes on"]);
  context.mock.timers.tick(2);
  await turn();
  assert.equal(ticks, 2, "the next tick comes as always");
  gate.resolve();
  await loop.close();
});
