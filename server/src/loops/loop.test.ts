import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "../core/ports/log.ts";
import { startLoop } from "./loop.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

test("a loop goes on after a tick that threw", async () => {
  let ticks = 0;
  const third = Promise.withResolvers<void>();
  const loop = startLoop(
    {
      name: "t",
      everyMs: 1,
      async tick() {
        ticks += 1;
        if (ticks === 3) third.resolve();
        throw new Error("no");
      },
    },
    silent,
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
  );
  const alive = setInterval(() => {}, 1000);
  await begun.promise;
  const closing = loop.close();
  gate.resolve();
  await closing;
  clearInterval(alive);
  assert.equal(done, 1);
});
