import assert from "node:assert/strict";
import { test } from "node:test";
import { GuideReader } from "../harness/guide-run.ts";
import { blocksOf } from "../harness/guide.ts";

const GUIDE = "docs/guides/files.md";

test("every sample of the guide to files prints what the guide says", { timeout: 120_000 }, async () => {
  using reader = new GuideReader(["KEY", "API", "ID", "FILES"]);
  assert.equal(await reader.follow(GUIDE, blocksOf(GUIDE)), 8);
});
