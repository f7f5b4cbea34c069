import assert from "node:assert/strict";
import { test } from "node:test";
import { followDocument } from "../harness/guide-run.ts";

test("every sample of the guide to the network prints what the guide says", { timeout: 120_000 }, async () => {
  assert.equal(await followDocument("docs/guides/network.md", { variables: ["ID"] }), 3);
});
