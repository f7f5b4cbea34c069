import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import type { RunWorld } from "../../testing/run-world.ts";
import { createRunWorld, putEndpoint, readAll, requestOf } from "../../testing/run-world.ts";
import type { RunRecord } from "./record.ts";

async function boundWorld(given: object = {}) {
  const world = await createRunWorld();
  const capsule = await createCapsule(world.world, { name: "web" });
  const endpoint = await putEndpoint(world, { capsule: capsule.id, ...given });
  return { world, capsule, endpoint };
}

/** The run as the store has it, once it is stored. */
async function stored(world: RunWorld, id: string): Promise<RunRecord | undefined> {
  await world.runs.settle();
  return world.deps.store.find(id);
}

test("a call to a bound capsule runs there, and its output and end are kept", async () => {
  const { world, capsule, endpoint } = await boundWorld();
  const handle = await world.runs.start(requestOf(world, endpoint, "echo hello; echo err >&2; exit 3", { args: { a: 1 } }));
  const { run, output } = await world.runs.collect(handle, 1000);
  assert.deepEqual([run.status, run.reason, run.exitCode, run.stdoutBytes, run.stderrBytes], ["failed", "exited", 3, 6, 4]);
  assert.equal(Buffer.from(output.merged).toString(), "hello\nerr\n");
  assert.equal(Buffer.from(output.stdout).toString(), "hello\n");
  assert.deepEqual([output.isTruncated, output.hasGap], [false, false]);
  assert.deepEqual(await stored(world, run.id), run);
  assert.deepEqual([run.capsuleId, run.ownsCapsule, run.args, run.keyId], [capsule.id, false, { a: 1 }, world.world.principal.keyId]);
  await world.world.capsules.destroy(world.world.principal, capsule.id);
  const again = await world.runs.get(world.world.principal, run.id);
  assert.deepEqual((await readAll(again)).stdout, "hello\n");
  assert.deepEqual((await readAll(again, { stdout: 2, stderr: 4 })).stdout, "llo\n");
  await world.close();
});

test("a call without a capsule gets a fresh one, which is destroyed after it", async () => {
  const world = await createRunWorld();
  const endpoint = await putEndpoint(world, {});
  const handle = await world.runs.start(requestOf(world, endpoint, "echo hello"));
  const { stdout, run } = await readAll(handle);
  assert.deepEqual([stdout, run.status], ["hello\n", "succeeded"]);
  assert.ok(run.ownsCapsule && run.capsuleId !== null);
  await world.runs.settle();
  const capsule = await world.world.deps.store.find(run.capsuleId);
  assert.equal(capsule?.state, "destroyed");
  assert.deepEqual(capsule?.metadata, { endpoint: endpoint.name, run: run.id });
  assert.deepEqual(await world.world.driver.list(), []);
  await world.close();
});
