import assert from "node:assert/strict";
import { test } from "node:test";
import { runSample, samplesOf } from "../harness/samples.ts";

test("every sample of the guide to snapshots and forks prints what the guide says", { timeout: 120_000 }, async () => {
  const samples = samplesOf("snapshots.md");
  assert.equal(samples.length, 2);
  for (const sample of samples) assert.equal(await runSample(sample), sample.prints);
});
