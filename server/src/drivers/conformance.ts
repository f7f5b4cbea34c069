/**
 * What every driver must do, as tests that ask only through core/ports/driver.ts and the agent.
 * A power that a driver lacks by its own capabilities it must refuse, which is tested in place of the power. A driver that cannot
 * run on this host is skipped with the reason, or fails where CAPSULED_TEST_REQUIRE (names, joined by commas) has its name.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ENDING } from "./conformance/ending.ts";
import { FILES } from "./conformance/files.ts";
import { LASTING } from "./conformance/lasting.ts";
import { LAUNCHING } from "./conformance/launching.ts";
import { LIMITS } from "./conformance/limits.ts";
import { SNAPSHOTS } from "./conformance/snapshots.ts";
import type { CannotRun, ConformanceWorld } from "./conformance/world.ts";

export interface ConformanceOptions {
  /** Drivers whose skip is a failure. Default: CAPSULED_TEST_REQUIRE. */
  readonly require?: readonly string[];
}

export function describeDriver(
  name: string,
  createWorld: () => Promise<ConformanceWorld | CannotRun>,
  options: ConformanceOptions = {},
): void {
  const required = options.require ?? (process.env["CAPSULED_TEST_REQUIRE"] ?? "").split(",").map((word) => word.trim());
  describe(`the ${name} driver conforms`, () => {
    let made: ConformanceWorld | CannotRun | null = null;
    before(async () => {
      made = await createWorld();
    });
    after(async () => {
      if (made !== null && !("cannotRun" in made)) await made.close();
    });
    for (const [guarantee, check] of Object.entries({ ...LAUNCHING, ...LASTING, ...ENDING, ...LIMITS, ...FILES, ...SNAPSHOTS })) {
      test(guarantee, async (t) => {
        if (made === null) throw new Error("there is no world to test");
        const outcome = "cannotRun" in made ? { nothingToCheck: made.cannotRun } : await check(made);
        if (outcome === undefined) return;
        assert.ok(!required.includes(name), `the ${name} driver is required to show this, and cannot: ${outcome.nothingToCheck}`);
        t.skip(outcome.nothingToCheck);
      });
    }
  });
}
