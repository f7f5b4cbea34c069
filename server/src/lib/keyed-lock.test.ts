import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { createKeyedLock, LockQueueFullError } from "./keyed-lock.ts";

test("work under one key never overlaps and keeps its order; every key is free at the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom("a", "b", "c"), pauses: fc.nat(4), fails: fc.boolean() }), { maxLength: 30 }),
      async (jobs) => {
        const lock = createKeyedLock({ waitersMax: 100 });
        const inside = new Map<string, number>();
        const order = new Map<string, number[]>();
        await Promise.allSettled(
          jobs.map((job, index) =>
            lock.run(job.key, async () => {
              assert.equal(inside.get(job.key) ?? 0, 0);
              inside.set(job.key, 1);
              order.set(job.key, [...(order.get(job.key) ?? []), index]);
              for (let pause = 0; pause < job.pauses; pause += 1) await Promise.resolve();
              inside.set(job.key, 0);
              if (job.fails) throw new Error("as asked");
            }),
          ),
        ).then((outcomes) => {
          assert.deepEqual(
            outcomes.map((outcome) => outcome.status === "rejected"),
            jobs.map((job) => job.fails),
          );
        });
        for (const seen of order.values())
          assert.deepEqual(
            seen,
            seen.toSorted((left, right) => left - right),
          );
        assert.equal(lock.size, 0);
      },
    ),
    { numRuns: 200 },
  );
});

test("a caller beyond waitersMax is refused at once and the others are served", async () => {
  const lock = createKeyedLock({ waitersMax: 1 });
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const first = lock.run("a", () => held);
  const second = lock.run("a", async () => "second");
  await assert.rejects(
    lock.run("a", async () => "third"),
    LockQueueFullError,
  );
  letGo();
  await first;
  assert.equal(await second, "second");
});
