import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { followDocument } from "../harness/guide-run.ts";

test(
  "every sample of the guide to templates prints what the guide says, and the last one's template serves its file",
  { timeout: 300_000 },
  async () => {
    try {
      assert.equal(await followDocument("docs/guides/templates.md"), 3);
      await using capsule = await newCapsule({ template: "guide-site" });
      const { stdout } = await capsule.sh("id -un; curl -s http://127.0.0.1:8080/");
      assert.equal(stdout, "www-data\nhello from a recipe\n");
    } finally {
      await call("deleteSnapshot", { params: { name: "guide-site" } });
    }
  },
);
