import assert from "node:assert/strict";
import test from "node:test";
import { CapsuledError } from "../fail.ts";
import { formatDay, parseDay } from "./day.ts";
import { KEPT_DAYS } from "./meter.ts";
import type { DaySpan } from "./team-usage.ts";
import { teamUsage } from "./team-usage.ts";

const TODAY = "2026-11-22";
const deps = {
  clock: { now: () => Date.parse(`${TODAY}T23:59:59.999Z`) },
  store: {
    list: async (teamId: string, first: number, last: number) =>
      teamId === "team-a" && first <= parseDay("2026-11-20") && parseDay("2026-11-20") <= last
        ? [{ teamId, day: parseDay("2026-11-20"), capsuleMs: 1, vcpuMs: 2, memoryMbMs: 3 }]
        : [],
  },
};

async function asked(span: DaySpan): Promise<{ span: string; days: string[] }> {
  const { first, last, days } = await teamUsage(deps, "team-a", span);
  return { span: `${formatDay(first)} ${formatDay(last)}`, days: days.map(({ day }) => formatDay(day)) };
}

test("each day of the span has its sums, 0 where nothing ran; without a span, the last 30 days and today", async () => {
  const { span, days } = await asked({});
  assert.equal(span, "2026-10-23 2026-11-22");
  assert.deepEqual([days.length, days[0], days.at(-1)], [31, "2026-10-23", TODAY]);
  const { days: points } = await teamUsage(deps, "team-a", { from: "2026-11-20", to: "2026-11-21" });
  assert.deepEqual(
    points.map(({ capsuleMs, vcpuMs, memoryMbMs }) => [capsuleMs, vcpuMs, memoryMbMs]),
    [
      [1, 2, 3],
      [0, 0, 0],
    ],
  );
  assert.equal((await asked({ to: "2026-08-31" })).span, "2026-08-01 2026-08-31");
  assert.equal((await asked({ from: TODAY })).days.length, 1);
});

test("a span is at most 92 days from its first to its last, and does not run backwards", async () => {
  assert.equal((await asked({ from: "2026-08-22", to: TODAY })).days.length, 93);
  for (const span of [{ from: "2026-08-21", to: TODAY }, { from: "2026-11-23" }, { from: "2026-11-02", to: "2026-11-01" }]) {
    await assert.rejects(asked(span), (error) => error instanceof CapsuledError && error.code === "invalid_request");
  }
});

test("days that have not come, and those that are no longer kept, have no point", async () => {
  assert.deepEqual((await asked({ from: TODAY, to: "2026-12-24" })).days, [TODAY]);
  assert.deepEqual((await asked({ from: "2027-01-01", to: "2027-01-02" })).days, []);
  const oldest = formatDay(parseDay(TODAY) - KEPT_DAYS + 1);
  const { days } = await asked({ from: formatDay(parseDay(oldest) - 2), to: formatDay(parseDay(oldest) + 1) });
  assert.deepEqual(days, [oldest, formatDay(parseDay(oldest) + 1)]);
});
