import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Turn } from "./turn.ts";

test("whoever waits for a turn finds it over, also one that waited for nothing, threw or threw at once", async () => {
  const turn = new Turn<number>();
  const works: readonly (() => Promise<number>)[] = [
    async () => 1,
    () => Promise.reject(new Error("no")),
    () => {
      throw new Error("at once");
    },
  ];
  for (const work of works) {
    const own = turn.join(work);
    assert.equal(turn.isUnderWay, true);
    await own.catch(() => {});
    assert.equal(turn.isUnderWay, false);
    // As it is waited for where a wait that finds nothing to wait for would never give the others a turn.
    turn.join(work).catch(() => {});
    await turn.settled();
    assert.equal(turn.isUnderWay, false);
  }
});

test("in whatever order things happen, one turn is under way at a time, those who ask meanwhile get its outcome, and all settle", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.record({ delays: fc.nat(3), fails: fc.boolean() }), { minLength: 1, maxLength: 12 }),
      async (scheduler, asked) => {
        const turn = new Turn<number>();
        let now = 0;
        let most = 0;
        let begun = 0;
        const outcomes = asked.map(async ({ delays, fails }, index) => {
          await scheduler.schedule(Promise.resolve(), `ask ${index}`);
          const wasUnderWay = turn.isUnderWay;
          const before = begun;
          const outcome = turn.join(async () => {
            begun += 1;
            now += 1;
            most = Math.max(most, now);
            const mine = begun;
            for (let delay = 0; delay < delays; delay += 1) await scheduler.schedule(Promise.resolve(), `work ${index}`);
            now -= 1;
            if (fails) throw new Error(String(mine));
            return mine;
          });
          assert.equal(begun, wasUnderWay ? before : before + 1);
          const number = await outcome.catch((error: unknown) => Number(error instanceof Error ? error.message : Number.NaN));
          assert.equal(number, wasUnderWay ? before : before + 1);
        });
        const settled = scheduler.schedule(Promise.resolve(), "settle").then(() => turn.settled());
        await scheduler.waitFor(Promise.all([...outcomes, settled]));
        assert.equal(most, 1);
        assert.equal(turn.isUnderWay, false);
      },
    ),
  );
});
