import assert from "node:assert/strict";
import { test } from "node:test";
import { followDocument } from "../harness/guide-run.ts";

test("every sample of the guide to terminals prints what the guide says", { timeout: 300_000 }, async () => {
  assert.equal(await followDocument("docs/guides/terminals.md"), 1);
});
