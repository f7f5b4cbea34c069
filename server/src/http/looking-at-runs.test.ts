import assert from "node:assert/strict";
import { test } from "node:test";
import { runWithOutput } from "@capsuled/contract";
import { OWNER } from "./testing/fake-endpoints.ts";
import type { FakeRun } from "./testing/fake-runs.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { publish } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const CALL = `/v1/${OWNER}/job`;
const RUN = `run-${"1".padStart(25, "0")}`;

async function worldWith(): Promise<World> {
  const world = await createWorld();
  await publish(world, "job", { command: "cat" });
  return world;
}

test("a run is shown with the head of its output, as far as it has come", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => run.print("stdout", "one\n");
  await (await world.call("GET", CALL)).body?.cancel();
  const shown = async () => runWithOutput.parse(await (await world.call("GET", `/v1/runs/${RUN}`)).json());
  const first = await shown();
  assert.deepEqual([first.status, first.output, first.output_truncated], ["running", "one\n", false]);
  world.runs.last.print("stderr", "x".repeat(70_000));
  world.runs.last.end();
  const second = await shown();
  assert.deepEqual([second.status, second.output?.length, second.output_truncated], ["succeeded", 65_536, true]);
  world.runs.last.items.splice(0, 2, { kind: "gap", stdoutBytes: 4, stderrBytes: 70_000 });
  assert.equal((await shown()).output, null, "it is not kept any more");
});

/** Once a reader has all that there is, more is printed and the run ends. */
function endWhenRead(run: FakeRun): void {
  run.onIdle = () => {
    if (run.isOver) return;
    run.print("stdout", "two\n");
    run.end();
  };
}

test("a run that ends while it is looked at is told to have ended with all that it printed, or not yet to have ended", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => run.print("stdout", "one\n");
  await (await world.call("GET", CALL)).body?.cancel();
  endWhenRead(world.runs.last);
  const shown = runWithOutput.parse(await (await world.call("GET", `/v1/runs/${RUN}`)).json());
  assert.deepEqual([shown.status, shown.output, shown.stdout_bytes], ["succeeded", "one\ntwo\n", 8]);
});

test("a page of a run that ends while it is read says that more may come", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => run.print("stdout", "one\n");
  await (await world.call("GET", CALL)).body?.cancel();
  endWhenRead(world.runs.last);
  const page = async (from: number): Promise<unknown> => (await world.call("GET", `/v1/runs/${RUN}/output?from=${from}`)).json();
  const facts = { encoding: "utf-8", gap_bytes: 0, total: 8 };
  assert.deepEqual(await page(0), { ...facts, data: "one\n", from: 0, next: 4, ended: false });
  assert.deepEqual(await page(4), { ...facts, data: "two\n", from: 4, next: 8, ended: true });
});

test("a run's output is read by offset, stream by stream, as JSON or as bytes", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    run.print("stdout", "hello ");
    run.print("stderr", "oh\n");
    run.print("stdout", "world\n");
  };
  await (await world.call("GET", CALL)).body?.cancel();
  const path = `/v1/runs/${RUN}/output`;
  const page = async (query: string): Promise<unknown> => (await world.call("GET", path + query)).json();
  const facts = { encoding: "utf-8", gap_bytes: 0, ended: false };
  assert.deepEqual(await page(""), { ...facts, data: "hello world\n", from: 0, next: 12, total: 12 });
  assert.deepEqual(await page("?from=3&limit=5"), { ...facts, data: "lo wo", from: 3, next: 8, total: 12 });
  assert.deepEqual(await page("?stream=stderr&from=1"), { ...facts, data: "h\n", from: 1, next: 3, total: 3 });
  assert.deepEqual(await page("?from=12"), { ...facts, data: "", from: 12, next: 12, total: 12 });
  world.runs.last.end();
  assert.deepEqual(await page("?from=12"), { ...facts, data: "", from: 12, next: 12, total: 12, ended: true });
  assert.equal((await problemOf(await world.call("GET", `${path}?from=13`))).code, "invalid_offset");
  const raw = await world.call("GET", `${path}?from=2&limit=8`, { headers: { accept: "application/octet-stream" } });
  assert.deepEqual(
    ["content-length", "x-output-from", "x-output-total", "x-output-ended"].map((name) => raw.headers.get(name)),
    ["8", "2", "12", "true"],
  );
  assert.equal(await raw.text(), "llo worl");
});
