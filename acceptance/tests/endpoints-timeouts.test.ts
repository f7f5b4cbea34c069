import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, streamOf } from "../harness/endpoint.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const left = async (what: string): Promise<string> => (await capsule.sh(`ps -eo args= | grep -c '^${what}' || true`)).stdout.trim();

test("at its timeout a command's whole tree is killed, and the stream ends with the documented error event", async () => {
  await using one = await publish({
    command: `sh -c 'setsid sleep 5151 & (env -i setsid sleep 5152 & exit); echo partial; sleep 5153'`,
    timeout: 1,
    capsule: capsule.id,
  });
  await using stream = await one.stream();
  await stream.over();
  assert.deepEqual(stream.lines(), ["partial"]);
  assert.equal(stream.error().error, "Command timed out after 1s");
  assert.equal(await left("sleep 515"), "0", "children that left the session and the environment are gone too");
  const run = await getRun(stream.runId);
  assert.deepEqual([run.status, run.reason, run.output, run.error], ["timed_out", "timed_out", "partial\n", "Command timed out after 1s"]);
  assert.ok((run.duration_ms ?? 0) >= 1000);
  await using later = await streamOf(`/v1/runs/${stream.runId}/stream`);
  await later.over();
  assert.deepEqual(later.events, stream.events, "a later reader is told the same");
});

test("for JSON a timeout is 504 with the run's id and what was printed so far", async () => {
  await using one = await publish({ command: `sh -c 'echo so far; sleep 5161'`, timeout: 1, capsule: capsule.id });
  const { code, message, details } = await one.refused(504);
  assert.equal(code, "timeout");
  assert.match(message, /timed out after 1s/);
  assert.equal(property(details, "output"), "so far\n");
  const run = await getRun(String(property(details, "run_id")));
  assert.equal(run.status, "timed_out");
});

test("a command that ignores SIGTERM and closes its output does not outlive its timeout, in a fresh capsule as well", async () => {
  await using one = await publish({ command: `sh -c 'trap "" TERM INT HUP; exec >&- 2>&-; while :; do sleep 1; done'`, timeout: 1 });
  await using stream = await one.stream();
  await stream.over();
  assert.equal(stream.error().error, "Command timed out after 1s");
  assert.equal((await getRun(stream.runId)).status, "timed_out");
});

test("a caller cannot lengthen or shorten the time: timeout is no argument", async () => {
  await using one = await publish({ command: "sleep 5171", timeout: 1, capsule: capsule.id });
  assert.equal((await one.refused(400, { body: { timeout: 3600 } })).code, "invalid_request");
  const { code } = await one.refused(504, { headers: { "x-hook-timeout": "3600", "x-timeout": "3600" } });
  assert.equal(code, "timeout");
});
