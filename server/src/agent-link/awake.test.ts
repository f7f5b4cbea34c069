import assert from "node:assert/strict";
import { test } from "node:test";
import { ASLEEP_ANSWERS_MAX, Awake, AWAKE_MS } from "./awake.ts";

/** A host whose turns take so many milliseconds each. */
function host({ cores = 2, turnMs = AWAKE_MS / 10 } = {}) {
  let now = 1000;
  let next: (() => void) | null = null;
  return {
    cores,
    now: () => now,
    turn(then: () => void) {
      assert.equal(next, null, "one at a time");
      next = then;
    },
    /** Goes on until nobody looks any more: how often somebody did. */
    run(): number {
      for (let turns = 0; ; turns++) {
        const then = next;
        if (then === null) return turns;
        next = null;
        now += turnMs;
        then();
      }
    },
  };
}

test("an answer is looked for until it is there, each time anew", () => {
  const at = host();
  const awake = new Awake(at);
  for (const answer of [3, 1, 5]) {
    let left = answer;
    awake.while(() => --left > 0);
    assert.equal(at.run(), answer);
  }
});

test("an answer is looked for no longer than its bound, and ever fewer are after many that came later", () => {
  const at = host();
  const awake = new Awake(at);
  const from = at.now();
  awake.while(() => true);
  assert.ok(at.run() >= 10);
  assert.ok(at.now() - from <= AWAKE_MS * 1.2);
  /** How many are not looked for until one is. */
  const asleep = (isLate: boolean): number => {
    for (let answers = 0; ; answers++) {
      awake.while(() => isLate);
      if (at.run() > 0) return answers;
    }
  };
  assert.deepEqual(
    Array.from({ length: 10 }, () => asleep(true)),
    [1, 2, 4, 8, 16, 32, 64, 128, ASLEEP_ANSWERS_MAX, ASLEEP_ANSWERS_MAX],
  );
  assert.equal(asleep(false), ASLEEP_ANSWERS_MAX);
  assert.equal(asleep(true), 0);
  assert.equal(asleep(true), 1, "what came in time is the end of the row");
});

test("one answer is looked for at a time, and none where there is one processor", () => {
  const at = host();
  const awake = new Awake(at);
  awake.while(() => false);
  awake.while(() => assert.fail("the loop is awake already"));
  assert.equal(at.run(), 1);
  const single = host({ cores: 1 });
  new Awake(single).while(() => assert.fail("nobody could answer meanwhile"));
  assert.equal(single.run(), 0);
});
