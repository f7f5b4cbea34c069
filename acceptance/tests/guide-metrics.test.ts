import assert from "node:assert/strict";
import { test } from "node:test";
import { followDocument } from "../harness/guide-run.ts";

test("the samples of the guide to metrics print what the guide says", { timeout: 120_000 }, async () => {
  assert.equal(await followDocument("docs/guides/metrics.md"), 2);
});
