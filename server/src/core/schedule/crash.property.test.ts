import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Death } from "../../testing/life.ts";
import { Life } from "../../testing/life.ts";
import { runDue } from "./run-due.ts";
import { NOON, withScheduleWorld } from "./testing/schedule-world.ts";

const MINUTE = 60_000;

/** What happens next: time passes, runs under way end or not, and servers look at what is due, of which each may die at one of its steps. */
interface Turn {
  readonly passMs: number;
  readonly ends: boolean;
  readonly deaths: readonly (Death | null)[];
}

const death: fc.Arbitrary<Death | null> = fc.option(
  fc.record({ step: fc.integer({ min: 1, max: 12 }), when: fc.constantFrom("before", "after") }),
  {
    freq: 2,
  },
);
const turn: fc.Arbitrary<Turn> = fc.record({
  passMs: fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 7 * MINUTE })),
  ends: fc.boolean(),
  deaths: fc.array(death, { minLength: 1, maxLength: 3 }),
});

test("wherever servers die, and however many look at once, each time of a schedule comes to exactly one run or one record", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { maxLength: 12 }), fc.boolean(), (turns, overlap) =>
      withScheduleWorld(async ({ deps, mortal, at, endpoint, end, nextRunAt, runs }) => {
        const every = await endpoint("* * * * *", NOON, { overlap });
        let now = NOON;
        for (const { passMs, ends, deaths } of turns) {
          now += passMs;
          at(now);
          if (ends) await end(every);
          await Promise.all(deaths.map((each) => runDue(mortal(new Life(each))).catch(() => 0)));
        }
        // The last server lives and looks a few times: for what was missed, for what is a little late, and for what is due.
        for (let looks = 0; looks < 4; looks += 1) await runDue(deps);
        const next = await nextRunAt(every);
        assert.ok(next !== null && next !== undefined && next > now && next - now <= MINUTE);
        const times = (await runs(every)).map((text) => text.split(" ")[2] ?? "").toSorted();
        const expected: string[] = [];
        for (let time = NOON; time < next; time += MINUTE) expected.push(new Date(time).toISOString().slice(8, 16));
        assert.deepEqual(times, expected);
        if (!overlap) assert.ok((await runs(every)).filter((text) => text.startsWith("running")).length <= 1, "never two at once");
      }),
    ),
    { numRuns: 60 },
  );
});
