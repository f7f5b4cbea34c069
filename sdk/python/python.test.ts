import assert from "node:assert/strict";
import { test } from "node:test";
import { runPytest } from "../../acceptance/harness/pytest.ts";

test("the Python SDK without a server", { timeout: 300_000 }, async (t) => {
  const outcomes = await runPytest("not server", {});
  assert.ok(outcomes.length > 30, `only ${outcomes.length} tests ran`);
  for (const { name, outcome, told } of outcomes) await t.test(name, () => assert.equal(outcome, "passed", told));
});
