import assert from "node:assert/strict";
import { test } from "node:test";
import { giveBack, markPassing, PASSING_BYTES_MIN } from "./passing-bytes.ts";

const own = (length: number): Buffer => Buffer.from(new ArrayBuffer(length));

test("memory is given back with the last of its bytes, and not before", () => {
  const bytes = own(PASSING_BYTES_MIN);
  const { buffer } = bytes;
  markPassing(bytes);
  const parts = [bytes.subarray(0, 10), bytes.subarray(10)] as const;
  giveBack(parts[0]);
  assert.equal(buffer.byteLength, PASSING_BYTES_MIN);
  giveBack(parts[1]);
  assert.equal(buffer.byteLength, 0);
});

test("what was not marked, is small, or stands in memory that others share stays as it is", () => {
  const unmarked = own(PASSING_BYTES_MIN);
  giveBack(unmarked);
  assert.equal(unmarked.length, PASSING_BYTES_MIN);
  const small = own(PASSING_BYTES_MIN - 1);
  markPassing(small);
  giveBack(small);
  assert.equal(small.length, PASSING_BYTES_MIN - 1);
  const shared = own(4 * PASSING_BYTES_MIN);
  const tail = shared.subarray(PASSING_BYTES_MIN);
  markPassing(tail);
  giveBack(tail);
  assert.equal(shared.length, 4 * PASSING_BYTES_MIN);
});

test("memory is given back once", () => {
  const bytes = own(PASSING_BYTES_MIN);
  markPassing(bytes);
  giveBack(bytes);
  assert.doesNotThrow(() => giveBack(bytes));
});
