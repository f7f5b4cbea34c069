import assert from "node:assert/strict";
import { test } from "node:test";
import { runSample, samplesOf } from "../harness/samples.ts";

test("the samples of the guide to metrics print what the guide says", { timeout: 120_000 }, async () => {
  const samples = samplesOf("metrics.md");
  assert.equal(samples.length, 2);
  for (const sample of samples) assert.equal(await runSample(sample), sample.prints);
});
