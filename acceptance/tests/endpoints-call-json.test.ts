import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { callResult } from "@capsuled/contract";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish } from "../harness/endpoint.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

test("with Accept: application/json the answer is one object: output, exit code, run and duration, and the run's id in a header", async () => {
  await using one = await publish({ command: `sh -c 'echo hello; echo oops >&2; exit 5'`, capsule: capsule.id });
  const response = await one.call({ headers: { accept: "application/json" } });
  assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
  assert.equal(response.status, 200, "an exit code is a fact, not an error");
  const { run_id: runId, duration_ms: durationMs, ...facts } = callResult.parse(await response.json());
  assert.deepEqual(facts, { output: "hello\noops\n", exit_code: 5, reason: "exited", signal: null });
  assert.equal(response.headers.get("x-run-id"), runId);
  assert.ok(Number.isInteger(durationMs));
  const run = await getRun(runId);
  assert.equal(run.output, "hello\noops\n");
  assert.equal(run.status, "failed");
});

test("JSON is for those who ask for it and not for events too; anything else gets events", async () => {
  await using one = await publish({ command: "echo hi", capsule: capsule.id });
  for (const [accept, type] of [
    ["application/json", "application/json"],
    ["application/json;q=0.5, text/plain", "application/json"],
    ["text/event-stream", "text/event-stream"],
    ["*/*", "text/event-stream"],
    ["application/json, text/event-stream", "text/event-stream"],
    ["text/html", "text/event-stream"],
  ] as const) {
    const response = await one.call({ headers: { accept } });
    await response.text();
    assert.equal((response.headers.get("content-type") ?? "").split(";")[0], type, accept);
  }
});

test("a command that dies of a signal has the shell's exit code and the signal's name", async () => {
  await using one = await publish({ command: "sh -c 'kill -SEGV $$'", capsule: capsule.id });
  const { exit_code, signal, reason } = await one.json();
  assert.deepEqual({ exit_code, signal, reason }, { exit_code: 139, signal: "SIGSEGV", reason: "signaled" });
});

test("output that is no text comes as base64 and says so", async () => {
  await using one = await publish({ command: "printf '\\377\\376\\000x'", capsule: capsule.id });
  const { output, output_encoding } = await one.json();
  assert.equal(output_encoding, "base64");
  assert.equal(output, Buffer.from([255, 254, 0, 120]).toString("base64"));
});

test(
  "what is longer than the answer holds is cut at a character and says so, and the run has all of it",
  { timeout: 300_000 },
  async () => {
    const characters = 9_000_000;
    await using one = await publish({ command: `python3 -c "print('é' * ${characters})"`, capsule: capsule.id });
    const { output = "", output_truncated, exit_code, run_id } = await one.json();
    assert.equal(exit_code, 0);
    assert.equal(output_truncated, true);
    assert.ok(Buffer.byteLength(output) <= 16 << 20 && Buffer.byteLength(output) > (16 << 20) - 4);
    assert.match(output, /^é+$/);
    const run = await getRun(run_id);
    assert.equal(run.stdout_bytes, 2 * characters + 1);
    assert.equal(run.output_truncated, true);
  },
);
