import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { closest } from "./closest.ts";

test("the nearest word within two letters is meant, and none that shares nothing", () => {
  const words = ["command", "comment", "timeout", "of"];
  assert.equal(closest("comand", words), "; did you mean command?");
  assert.equal(closest("timeuot", words), "; did you mean timeout?");
  assert.equal(closest("xy", words), "");
  assert.equal(closest("endpoint", words), "");
  assert.equal(closest("c".repeat(10_000), words), "");
});

/** The whole table, as in the books. */
function typos(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let left = 1; left <= from.length; left += 1) {
    const next = [left];
    for (let right = 1; right <= to.length; right += 1) {
      const change = (row[right - 1] ?? 0) + (from[left - 1] === to[right - 1] ? 0 : 1);
      next.push(Math.min(change, (row[right] ?? 0) + 1, (next[right - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

test("property: a word is meant exactly where the whole table tells at most two typos, fewer than it has letters", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 });
  fc.assert(
    fc.property(word, word, (written, candidate) => {
      const count = typos(written, candidate);
      assert.equal(closest(written, [candidate]) !== "", count <= 2 && count < candidate.length);
    }),
    { numRuns: 2000 },
  );
});
