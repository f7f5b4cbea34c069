import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { afterEach, beforeEach } from "node:test";
import { RANGES, UidRanges, rangeBase } from "./uid-ranges.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "capsuled-uids-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test("no two capsules, of any installation, hold one range, and a capsule keeps its own", () => {
  const [one, other] = [new UidRanges(dir, "one", 7), new UidRanges(dir, "other", 7)];
  assert.deepEqual([one.reserve("a"), other.reserve("a"), one.reserve("b"), one.reserve("a")], [7, 8, 9, 7]);
  one.release("a");
  one.release("a");
  assert.deepEqual([other.reserve("c"), one.holders(), other.holders()], [9 + 1, ["b"], ["a", "c"]]);
});

test("ranges go round, so that a freed one rests, and all in use is null", () => {
  for (let n = 0; n < RANGES; n++) if (n !== 3) writeFileSync(join(dir, String(n)), "not a holder");
  const ranges = new UidRanges(dir, "one", 4);
  assert.equal(ranges.reserve("a"), 3);
  assert.equal(ranges.reserve("b"), null);
  ranges.release("a");
  assert.equal(ranges.reserve("b"), 3);
  assert.equal(readdirSync(dir).length, RANGES);
});

test("a new server knows what its installation holds, and clears what a killed one was writing", () => {
  new UidRanges(dir, "one", 0).reserve("a");
  new UidRanges(dir, "other", 5).reserve("x");
  writeFileSync(join(dir, ".one-0123456789ab"), "");
  const next = new UidRanges(dir, "one", 0);
  assert.deepEqual([next.holders(), next.reserve("a"), next.reserve("b")], [["a"], 0, 1]);
  assert.ok(!readdirSync(dir).includes(".one-0123456789ab"));
});

test("every range lies above ordinary users and below 2^31", () => {
  assert.ok(rangeBase(0) > 1_000_000_000 && rangeBase(RANGES) <= 2 ** 31);
});
