import assert from "node:assert/strict";
import { test } from "node:test";
import { followDocument } from "../harness/guide-run.ts";

test("every sample of the guide to snapshots and forks prints what the guide says", { timeout: 120_000 }, async () => {
  assert.equal(await followDocument("docs/guides/snapshots.md"), 2);
});
