import assert from "node:assert/strict";
import { test } from "node:test";
import { runPytest } from "../harness/pytest.ts";
import { readState } from "../harness/state.ts";

test("the Python SDK against the real server", { timeout: 600_000 }, async (t) => {
  const { url, adminKey } = readState();
  const outcomes = await runPytest("server", { CAPSULED_URL: url, CAPSULED_API_KEY: adminKey });
  assert.ok(outcomes.length > 30, `only ${outcomes.length} tests ran`);
  for (const { name, outcome, told } of outcomes) await t.test(name, () => assert.equal(outcome, "passed", told));
});
