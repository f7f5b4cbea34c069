import assert from "node:assert/strict";
import { test } from "node:test";
import { runSample, samplesOf } from "../harness/samples.ts";

test("every sample of the guide to terminals prints what the guide says", { timeout: 300_000 }, async () => {
  const samples = samplesOf("terminals.md");
  assert.equal(samples.length, 1);
  for (const sample of samples) assert.equal(await runSample(sample), sample.prints);
});
