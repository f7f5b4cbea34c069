import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { cli } from "../harness/cli.ts";
import { blocksOf } from "../harness/guide.ts";
import { runSample, samplesOf } from "../harness/samples.ts";

test("every sample of the guide to templates prints what the guide says", { timeout: 180_000 }, async () => {
  const samples = samplesOf("templates.md");
  assert.equal(samples.length, 2);
  for (const sample of samples) assert.equal(await runSample(sample), sample.prints);
});

test("the guide's recipe for the command line makes a template whose capsules serve its file", { timeout: 180_000 }, async () => {
  const blocks = blocksOf("docs/guides/templates.md");
  const recipe = blocks.find(({ name }) => name === "recipe.yaml");
  const before = blocks.findLast(({ language, line }) => language === "sh" && line < (recipe?.line ?? 0));
  assert.ok(recipe !== undefined && before !== undefined);
  const dir = mkdtempSync(join(tmpdir(), "capsuled-recipe-"));
  try {
    writeFileSync(join(dir, recipe.name), recipe.text);
    execFileSync("bash", ["-ec", before.text], { cwd: dir });
    const made = await cli(["templates", "build", "-f", join(dir, recipe.name)]);
    assert.deepEqual([made.code, made.stdout], [0, "guide-site\n"], made.stderr);
    await using capsule = await newCapsule({ template: "guide-site" });
    const { stdout } = await capsule.sh("id -un; curl -s http://127.0.0.1:8080/");
    assert.equal(stdout, "www-data\nhello from a recipe\n");
  } finally {
    rmSync(dir, { recursive: true });
  }
  await expectCall("deleteSnapshot", 204, { params: { name: "guide-site" } });
});
