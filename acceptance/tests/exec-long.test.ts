import assert from "node:assert/strict";
import { test } from "node:test";
import { newCapsule } from "../harness/capsule.ts";

test("a command of 46 seconds is waited for", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  const result = await capsule.exec({ cmd: "sleep", args: ["46"], timeout: 60 });
  assert.deepEqual([result.exit_code, result.reason], [0, "exited"]);
  // The agent hears of the start a moment after the program began.
  assert.ok(result.duration_ms >= 45_000, `${result.duration_ms} ms`);
});
