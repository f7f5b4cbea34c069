import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cronSchedules } from "./schedules.ts";

function times(cron: string, timezone: string, from: string, count: number): readonly string[] {
  const schedule = cronSchedules.parse(cron, timezone);
  assert.ok(schedule.ok, schedule.ok ? "" : schedule.message);
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count;) {
    const next = schedule.next(at);
    assert.ok(next !== null);
    found.push(new Date(next).toISOString().replace(":00.000Z", "Z"));
    at = next;
  }
  return found;
}

function problem(cron: string, timezone = "UTC"): string {
  const parsed = cronSchedules.parse(cron, timezone);
  assert.equal(parsed.ok, false, `${cron} is taken`);
  return parsed.ok ? "" : parsed.message;
}

test("a fixed time that clocks skip as they go forward runs once, at that moment", () => {
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00Z", 3), [
    "2026-03-28T01:30Z",
    "2026-03-29T01:00Z",
    "2026-03-30T00:30Z",
  ]);
  assert.deepEqual(times("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00Z", 2), ["2018-11-04T03:00Z", "2018-11-05T02:00Z"]);
});

test("a fixed time that comes twice as clocks go back runs once, the first time", () => {
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2), ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
  assert.deepEqual(times("30 1 * * *", "America/New_York", "2026-10-31T12:00Z", 2), ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]);
});

test("what runs every so often runs in every hour that passes, twice in a doubled one and never in a skipped one", () => {
  assert.deepEqual(times("0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z", 3), [
    "2026-10-25T00:00Z",
    "2026-10-25T01:00Z",
    "2026-10-25T02:00Z",
  ]);
  assert.deepEqual(times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15Z", 3), [
    "2026-03-29T00:30Z",
    "2026-03-29T01:00Z",
    "2026-03-29T01:30Z",
  ]);
  assert.deepEqual(times("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", 2), ["2026-03-30T00:00Z", "2026-03-30T00:30Z"]);
});

test("a day of the month and a day of the week are the one or the other, as in cron", () => {
  assert.deepEqual(times("0 0 13 * fri", "UTC", "2026-01-02T12:00Z", 3), ["2026-01-09T00:00Z", "2026-01-13T00:00Z", "2026-01-16T00:00Z"]);
  assert.deepEqual(times("0 0 * * 7", "UTC", "2026-01-02T12:00Z", 1), ["2026-01-04T00:00Z"]);
  assert.deepEqual(times("0 0 29 2 *", "UTC", "2097-01-01T00:00Z", 1), ["2104-02-29T00:00Z"]);
});

test("nicknames are short for five fields", () => {
  for (const [nickname, fields] of [
    ["@hourly", "0 * * * *"],
    ["@daily", "0 0 * * *"],
    ["@weekly", "0 0 * * 0"],
    ["@MONTHLY", "0 0 1 * *"],
    ["@yearly", "0 0 1 1 *"],
  ] as const)
    assert.deepEqual(times(nickname, "Asia/Tokyo", "2026-05-05T05:05Z", 3), times(fields, "Asia/Tokyo", "2026-05-05T05:05Z", 3));
  assert.match(problem("@reboot"), /there is no "@reboot"; there are @hourly/);
});

test("what is no schedule is refused with the field that is wrong", () => {
  assert.match(problem("* * * * * *"), /6 fields instead of five/);
  assert.match(problem("* * *"), /3 fields instead of five/);
  assert.match(problem("60 * * * *"), /60 is no minute: it goes from 0 to 59/);
  assert.match(problem("0 24 * * *"), /24 is no hour/);
  assert.match(problem("0 0 0 * *"), /0 is no day of the month/);
  assert.match(problem("0 0 1 13 *"), /13 is no month/);
  assert.match(problem("0 0 * * 8"), /8 is no day of the week/);
  for (const text of [
    "0 0 L * *",
    "0 0 15W * *",
    "0 0 * * 5#2",
    "? * * * *",
    "0 0 * * +1",
    "5-1 * * * *",
    "*/0 * * * *",
    "x * * * *",
    "1,,2 * * * *",
    "",
  ])
    assert.notEqual(problem(text), "");
  for (const text of ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 feb *"]) assert.match(problem(text), /no month has that day/);
  for (const zone of ["Nowhere/City", "", "+02:00", "UTC+2x"]) assert.match(problem("* * * * *", zone), /there is no time zone/);
});

test("the next time is later than asked for, at a whole minute in a zone of whole minutes, whatever the schedule", () => {
  const field = (min: number, max: number): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constant("*"),
      fc.integer({ min, max }).map(String),
      fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.integer({ min: 1, max: max - min }).map((step) => `*/${step}`),
    );
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns");
  const from = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) });
  fc.assert(
    fc.property(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6), zone, from, (a, b, c, d, e, timezone, at) => {
      const schedule = cronSchedules.parse([a, b, c, d, e].join(" "), timezone);
      assert.ok(schedule.ok);
      const next = schedule.next(at);
      assert.ok(next !== null && next > at && next % 60_000 === 0);
      assert.ok(next - at <= 8 * 366 * 24 * 3600 * 1000);
      assert.equal(schedule.next(next - 1), next, "nothing lies between");
    }),
    { numRuns: 300 },
  );
});

test("the names of what every object has are no schedules", () => {
  for (const word of ["constructor", "toString", "__proto__", "valueOf"]) assert.notEqual(problem(word), "");
});
