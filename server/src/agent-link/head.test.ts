import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Head } from "./head.ts";

test("it keeps exactly the first bytes, however they come", () => {
  const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ minLength: 16_000, maxLength: 17_000 })), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(pieces, fc.nat(60_000), (all, max) => {
      const head = new Head(max);
      for (const piece of all) head.add(piece);
      assert.ok(Buffer.from(head.take()).equals(Buffer.concat(all).subarray(0, max)));
    }),
  );
});

test("a million records of one byte cost about their size, not an object each", () => {
  const head = new Head(2_000_000);
  const byte = Buffer.from("x");
  const before = process.memoryUsage();
  for (let n = 0; n < 1_000_000; n += 1) head.add(byte.subarray());
  const after = process.memoryUsage();
  const grown = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
  assert.equal(head.take().length, 1_000_000);
  assert.ok(grown < 40_000_000, `grew by ${grown} bytes`);
});
