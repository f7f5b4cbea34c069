import assert from "node:assert/strict";
import { test } from "node:test";
import { followDocument } from "../harness/guide-run.ts";

test("every sample of the guide to ports prints what the guide says", { timeout: 120_000 }, async () => {
  assert.equal(await followDocument("docs/guides/ports.md"), 1);
});
