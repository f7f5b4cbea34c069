import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { createActivityBuffer } from "./activity-buffer.ts";

type Entry = { readonly id: string; readonly at: number };

test("after any notes and failing flushes the last time of every id arrives, and the buffer is empty", async () => {
  const id = fc.constantFrom("a", "b", "c", "d");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.record({ id, at: fc.nat() }), fc.constant("tick"), fc.constant("failing tick"))),
      async (steps) => {
        const arrived = new Map<string, number>();
        const expected = new Map<string, number>();
        let failing = false;
        const buffer = createActivityBuffer({
          entriesMax: 100,
          batchMax: 2,
          flush: async (entries: readonly Entry[]) => {
            assert.ok(entries.length <= 2);
            if (failing) throw new Error("database gone");
            for (const entry of entries) arrived.set(entry.id, Math.max(entry.at, arrived.get(entry.id) ?? 0));
          },
        });
        for (const step of steps) {
          if (typeof step === "string") {
            failing = step === "failing tick";
            if (failing && buffer.size > 0) await assert.rejects(buffer.tick(), /database gone/);
            else await buffer.tick();
          } else {
            buffer.note(step.id, step.at);
            expected.set(step.id, Math.max(step.at, expected.get(step.id) ?? 0));
          }
        }
        failing = false;
        await buffer.tick();
        assert.deepEqual(arrived, expected);
        assert.equal(buffer.size, 0);
      },
    ),
  );
});

test("ids beyond entriesMax are dropped and counted; known ids go on", () => {
  const buffer = createActivityBuffer({ entriesMax: 2, batchMax: 10, flush: async () => {} });
  for (const name of ["a", "b", "c", "a"]) buffer.note(name, 1);
  assert.equal(buffer.size, 2);
  assert.equal(buffer.dropped, 1);
});

test("ticks that overlap flush each entry once", async () => {
  const seen: string[] = [];
  const buffer = createActivityBuffer({
    entriesMax: 10,
    batchMax: 10,
    flush: async (entries) => void seen.push(...entries.map((entry) => entry.id)),
  });
  buffer.note("a", 1);
  await Promise.all([buffer.tick(), buffer.tick()]);
  assert.deepEqual(seen, ["a"]);
});
