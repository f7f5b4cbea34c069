import assert from "node:assert/strict";
import { test } from "node:test";
import { runSample, samplesOf } from "../harness/samples.ts";

test("every sample of the guide to templates prints what the guide says", { timeout: 180_000 }, async () => {
  const samples = samplesOf("templates.md");
  assert.equal(samples.length, 2);
  for (const sample of samples) assert.equal(await runSample(sample), sample.prints);
});
