import assert from "node:assert/strict";
import { test } from "node:test";
import { followDocument } from "../harness/guide-run.ts";

test("every sample of the guide to files prints what the guide says, pasted into zsh", { timeout: 120_000 }, async () => {
  assert.equal(await followDocument("docs/guides/files.md", { variables: ["ID", "FILES"], shell: "zsh" }), 8);
});
