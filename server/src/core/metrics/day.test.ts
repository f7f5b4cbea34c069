import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { cutIntoDays, DAY_MS, dayOf, formatDay, parseDay } from "./day.ts";

test("days are those of UTC, and their texts are read back, on leap days too", () => {
  assert.equal(dayOf(Date.UTC(2026, 10, 22, 23, 59, 59, 999)), parseDay("2026-11-22"));
  assert.equal(dayOf(Date.UTC(2026, 10, 23)), parseDay("2026-11-23"));
  for (const text of ["1970-01-01", "2024-02-29", "2026-12-31"]) assert.equal(formatDay(parseDay(text)), text);
});

test("any time is cut at midnights only: parts are its whole, each within its day, next to one another", () => {
  const moment = fc.integer({ min: 0, max: 20_000 * DAY_MS });
  fc.assert(
    fc.property(moment, fc.integer({ min: 0, max: 5 * DAY_MS }), (begin, ms) => {
      const end = begin + ms;
      const parts = cutIntoDays(end, ms);
      let until = end;
      for (const part of parts) {
        assert.ok(part.ms > 0);
        until -= part.ms;
        assert.equal(dayOf(until), part.day, "it begins in its day");
        assert.equal(dayOf(until + part.ms - 1), part.day, "and ends in it");
      }
      assert.equal(until, begin);
      assert.equal(parts.length, ms === 0 ? 0 : dayOf(end - 1) - dayOf(begin) + 1);
    }),
  );
});
