import assert from "node:assert/strict";
import test from "node:test";
import { CAPSULE_ID, RUN_ID } from "@capsuled/contract";
import fc from "fast-check";
import { createIds, renderBase36 } from "./ids.ts";

test("128 bits become the 25 base36 digits of the same number", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (number) => {
      const words = Uint16Array.from({ length: 8 }, (_, index) => Number((number >> BigInt(16 * (7 - index))) & 0xffffn));
      assert.equal(renderBase36(words), number.toString(36).padStart(25, "0"));
      assert.deepEqual([...words], [0, 0, 0, 0, 0, 0, 0, 0]);
    }),
  );
});

test("the largest number fits into 25 digits", () => {
  assert.equal(renderBase36(new Uint16Array(8).fill(0xffff)), (2n ** 128n - 1n).toString(36));
});

test("ids have the documented form and do not repeat beyond one pool", () => {
  const ids = createIds();
  const seen = new Set(Array.from({ length: 5000 }, () => ids.next("cl")));
  assert.equal(seen.size, 5000);
  for (const id of seen) assert.match(id, CAPSULE_ID);
});

test("hex gives the asked number of bytes", () => {
  assert.match(createIds().hex(20), /^[0-9a-f]{40}$/);
});

test("a run's id is in the order of its time, whatever the time, and those of one millisecond do not repeat", () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(time, time, (one, other) => {
      const [first, second] = [createIds(() => Math.min(one, other)).next("run"), createIds(() => Math.max(one, other)).next("run")];
      assert.match(first, RUN_ID);
      assert.ok(one === other || first < second, `${first} of ${one}, ${second} of ${other}`);
    }),
  );
  const ids = createIds(() => 1_800_000_000_000);
  assert.equal(new Set(Array.from({ length: 5000 }, () => ids.next("run"))).size, 5000);
});
