import assert from "node:assert/strict";
import test from "node:test";
import { Bell } from "./bell.ts";

const LONG_MS = 60_000;

test("a ring ends a wait at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const bell = new Bell();
  const heard = bell.heard(LONG_MS);
  bell.ring();
  assert.equal(await heard, true);
});

test("rings that nobody waits for are heard once, by the next wait", async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  assert.equal(await bell.heard(LONG_MS), true);
  assert.equal(await bell.heard(0), false);
});

test("a ring between a wait's end and what follows it is heard by the next wait", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const bell = new Bell();
  const heard = bell.heard(LONG_MS);
  bell.ring();
  await heard;
  bell.ring();
  assert.equal(await bell.heard(LONG_MS), true);
});

test("a wait without a ring ends after its time, and says so", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const bell = new Bell();
  const heard = bell.heard(LONG_MS);
  t.mock.timers.tick(LONG_MS);
  assert.equal(await heard, false);
});

test("a wait that was rung leaves no timer that could end a later one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const bell = new Bell();
  const first = bell.heard(LONG_MS);
  bell.ring();
  await first;
  let isOver = false;
  const second = bell.heard(2 * LONG_MS).then((isRung) => {
    isOver = true;
    return isRung;
  });
  t.mock.timers.tick(LONG_MS);
  await Promise.resolve();
  assert.equal(isOver, false);
  bell.ring();
  assert.equal(await second, true);
});

test("a wait of no time hears what was rung and waits for nothing", async () => {
  const bell = new Bell();
  assert.equal(await bell.heard(0), false);
  assert.equal(await bell.heard(-1), false);
  bell.ring();
  assert.equal(await bell.heard(-1), true);
});
