import assert from "node:assert/strict";
import { before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { followDocument } from "../harness/guide-run.ts";
import { templateReady } from "../harness/template.ts";

/** Milliseconds for a template's first build, its packages downloaded. */
const BUILD_MS = 600_000;

before(() => templateReady("code-interpreter", BUILD_MS), { timeout: BUILD_MS });

test("the guide's sample finds a kernel, runs code in it, and gets what the guide says", { timeout: 120_000 }, async () => {
  assert.equal(await followDocument("docs/guides/code-interpreter.md"), 1);
});

test("the template is one that every team has", async () => {
  const listed = await expectCall("listSnapshots", 200, { query: { type: "base" } });
  assert.ok(listed.some(({ name, platform }) => name === "code-interpreter" && platform));
});
