import assert from "node:assert/strict";
import { test } from "node:test";
import { GuideReader } from "../harness/guide-run.ts";
import { blocksOf } from "../harness/guide.ts";

const GUIDE = "docs/guides/network.md";

test("every sample of the guide to the network prints what the guide says", { timeout: 120_000 }, async () => {
  using reader = new GuideReader(["KEY", "API", "ID"]);
  assert.equal(await reader.follow(GUIDE, blocksOf(GUIDE)), 3);
});
