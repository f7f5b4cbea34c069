import assert from "node:assert/strict";
import test from "node:test";
import { createTokenBuckets } from "./token-bucket.ts";

test("a minute's calls may come at once; then one for each that fills in", () => {
  const buckets = createTokenBuckets({ perMinute: 60, entriesMax: 10 });
  for (let call = 1; call <= 60; call += 1) {
    assert.deepEqual(buckets.take("a", 0), { isAllowed: true, limit: 60, remaining: 60 - call, resetSec: call, retryAfterSec: 0 });
  }
  assert.deepEqual(buckets.take("a", 0), { isAllowed: false, limit: 60, remaining: 0, resetSec: 60, retryAfterSec: 1 });
  assert.equal(buckets.take("a", 999).isAllowed, false);
  assert.equal(buckets.take("a", 1000).isAllowed, true);
  assert.equal(buckets.take("a", 1000).isAllowed, false);
  assert.equal(buckets.take("b", 1000).isAllowed, true, "another name has its own");
  assert.equal(buckets.take("a", 3_600_000).remaining, 59, "it is never more than full");
});

test("a clock that is set back gives nothing and takes nothing", () => {
  const buckets = createTokenBuckets({ perMinute: 1, entriesMax: 10 });
  assert.equal(buckets.take("a", 100_000).isAllowed, true);
  assert.equal(buckets.take("a", 0).isAllowed, false);
  assert.equal(buckets.take("a", 60_000).isAllowed, true);
});

test("buckets are bounded: the one that was not used for longest is forgotten", () => {
  const buckets = createTokenBuckets({ perMinute: 1, entriesMax: 2 });
  buckets.take("a", 0);
  buckets.take("b", 0);
  buckets.take("c", 0);
  assert.equal(buckets.take("b", 0).isAllowed, false);
  assert.equal(buckets.take("a", 0).isAllowed, true);
});
