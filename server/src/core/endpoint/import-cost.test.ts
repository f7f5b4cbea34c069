import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointWorld, principal } from "./testing/world.ts";

test("a file whose aliases make many costly endpoints of little text lets others have their turn, and is answered in its time", async () => {
  const { service } = endpointWorld();
  const text = `
version: 1
args: &args
${Array.from({ length: 60 }, (_, index) => `  - {name: a${index}, pattern: "(?:a|b){100}${index % 7}", enum: [${"a".repeat(100)}]}`).join("\n")}
endpoints:
${Array.from({ length: 20 }, (_, index) => `  - {name: e${index}, command: "x {{${"b".repeat(40)}}}", args: *args}`).join("\n")}
`;
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await assert.rejects(service.import(principal, text, { dryRun: false, prune: false }), { code: "invalid_request" });
  clearInterval(timer);
  assert.ok(longest < 2000, `the loop stood still for ${longest} ms`);
});
