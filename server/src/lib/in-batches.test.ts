import assert from "node:assert/strict";
import test from "node:test";
import { inBatches } from "./in-batches.ts";

test("all of it goes, in batches of the size that is asked for, and a batch that is not full is the last", async () => {
  let left = 25;
  const taken: number[] = [];
  const work = (rowsMax: number): Promise<number> => {
    const count = Math.min(left, rowsMax);
    left -= count;
    taken.push(count);
    return Promise.resolve(count);
  };
  assert.equal(await inBatches(10, 100, work), 25);
  assert.deepEqual(taken, [10, 10, 5]);
});

test("more than so many batches are left for another time, and other work goes on between two", async () => {
  let others = 0;
  const seen: number[] = [];
  const total = await inBatches(10, 3, (rowsMax) => {
    seen.push(others);
    setTimeout(() => (others += 1), 0);
    return Promise.resolve(rowsMax);
  });
  assert.equal(total, 30);
  assert.deepEqual(seen, [0, 1, 2]);
});
