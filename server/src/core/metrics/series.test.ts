import assert from "node:assert/strict";
import test from "node:test";
import { Series } from "./series.ts";

const TIERS = [
  { stepMs: 10, length: 5 },
  { stepMs: 100, length: 3 },
];

test("a range is told by the finest tier that reaches so far, oldest first, its last point being the one under way", () => {
  const series = new Series(TIERS, ["mean", "max"]);
  assert.deepEqual(series.points(0, 1000), []);
  for (let at = 0; at <= 200; at += 10) series.add(at, [at, at % 30]);
  const fine = series.points(200, 50);
  assert.deepEqual(
    fine.map(({ at }) => at),
    [150, 160, 170, 180, 190, 200],
  );
  assert.deepEqual(fine.at(-1)?.values, [200, 20]);
  const coarse = series.points(200, 300);
  assert.deepEqual(
    coarse.map(({ at, values }) => [at, ...values]),
    [
      [90, 45, 20],
      [190, 145, 20],
      [200, 200, 20],
    ],
  );
  assert.deepEqual(series.points(1000, 50), [], "what is older than the range is not told");
});

test("its memory does not grow: a ring holds its length, however much is added", () => {
  const series = new Series(TIERS, ["mean"]);
  for (let at = 0; at < 100_000; at += 10) series.add(at, [1]);
  assert.equal(series.points(100_000, 50).length <= 6, true);
  assert.deepEqual(
    series.points(99_990, 1e9).map(({ values }) => values),
    [[1], [1], [1], [1]],
  );
});
