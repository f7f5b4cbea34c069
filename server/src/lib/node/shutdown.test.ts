import assert from "node:assert/strict";
import test from "node:test";
import { createShutdown } from "./shutdown.ts";

test("closes run last opened first, and all of them although one throws", async () => {
  const shutdown = createShutdown();
  const order: string[] = [];
  shutdown.defer("store", () => void order.push("store"));
  shutdown.defer("loops", () => {
    order.push("loops");
    throw new Error("loops broke");
  });
  shutdown.defer("http", async () => {
    await Promise.resolve();
    order.push("http");
  });
  const outcomes = await shutdown.run(1000);
  assert.deepEqual(order, ["http", "loops", "store"]);
  assert.deepEqual(
    outcomes.map(({ name, outcome }) => `${name} ${outcome}`),
    ["http closed", "loops failed", "store closed"],
  );
});

test("a close that hangs is given up at the limit, and those after it still run", async () => {
  const shutdown = createShutdown({ eachMsLate: 5 });
  const order: string[] = [];
  shutdown.defer("store", () => void order.push("store"));
  shutdown.defer("hanging", () => new Promise<void>(() => {}));
  const outcomes = await shutdown.run(20);
  assert.deepEqual(
    outcomes.map(({ name, outcome }) => `${name} ${outcome}`),
    ["hanging late", "store closed"],
  );
  assert.deepEqual(order, ["store"]);
});

test("a second run gets the first one's outcome, and nothing can be added any more", async () => {
  const shutdown = createShutdown();
  let closes = 0;
  shutdown.defer("once", () => void (closes += 1));
  assert.equal(await shutdown.run(100), await shutdown.run(100));
  assert.equal(closes, 1);
  assert.throws(() => shutdown.defer("late", () => {}), /late cannot be added/);
});
