import assert from "node:assert/strict";
import test from "node:test";
import { SpareMemory } from "./spare-memory.ts";

test("memory that was given back is used again, by one at a time, and no more of it is kept than the bound", () => {
  const memory = new SpareMemory(100, 2);
  const [first, second, third] = [memory.take(), memory.take(), memory.take()];
  assert.equal(new Set([first.buffer, second.buffer, third.buffer]).size, 3);
  for (const piece of [first, second, third]) memory.giveBack(piece.subarray(10, 20));
  // Twice is once.
  memory.giveBack(first);
  const again = [memory.take(), memory.take(), memory.take()];
  assert.deepEqual(new Set(again.slice(0, 2).map(({ buffer }) => buffer)), new Set([first.buffer, second.buffer]));
  assert.equal(new Set(again.map(({ buffer }) => buffer)).size, 3);
  assert.notEqual(again[2]?.buffer, third.buffer);
  assert.ok(again.every(({ length }) => length === 100));
});

test("memory from elsewhere is not taken for its own", () => {
  const memory = new SpareMemory(8, 2);
  const other = Buffer.alloc(8);
  memory.giveBack(other);
  assert.notEqual(memory.take().buffer, other.buffer);
});
