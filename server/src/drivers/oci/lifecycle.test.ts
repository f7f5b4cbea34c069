import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HandleGoneError, HostFullError, TemplateMissingError } from "../../core/ports/driver.ts";
import type { OciWorld } from "./testing/oci-world.ts";
import { CANNOT_RUN, createOciWorld, newCapsuleId, specOf, tracesOf } from "./testing/oci-world.ts";

const options = { skip: CANNOT_RUN };
let world: OciWorld;
before(async () => {
  if (CANNOT_RUN === false) world = await createOciWorld();
});
after(async () => {
  await world?.close();
});

test("a launched capsule runs commands, and destroy leaves the host as it was", options, async () => {
  const traces = tracesOf(world);
  const capsule = await world.launch();
  assert.equal(await capsule.sh("echo hello"), "hello\n");
  assert.notDeepEqual(tracesOf(world), traces);
  assert.deepEqual(await world.driver.list(), [{ capsuleId: capsule.id, state: "running" }]);
  capsule.link.close();
  await world.driver.destroy(capsule.id);
  assert.deepEqual(tracesOf(world), traces);
  assert.deepEqual(await world.driver.list(), []);
  assert.equal(await world.driver.recover(capsule.handle), "gone");
  await assert.rejects(world.driver.openAgent(capsule.handle), HandleGoneError);
  await assert.rejects(world.driver.pause(capsule.handle), HandleGoneError);
  await assert.rejects(world.driver.stats(capsule.handle), HandleGoneError);
});

test("stop and destroy are repeatable and fine with a capsule that never was", options, async () => {
  const capsule = await world.launch();
  await Promise.all([world.driver.stop(capsule.id), world.driver.destroy(capsule.id), world.driver.destroy(capsule.id)]);
  await world.driver.stop(capsule.id);
  await world.driver.destroy(newCapsuleId());
  assert.deepEqual(await world.driver.list(), []);
});

test("an id that is not a capsule's never becomes a path", options, async () => {
  for (const id of ["..", "cl-../../../../../../tmp/xxxxx", "", "cl-" + "A".repeat(25)])
    await assert.rejects(world.driver.destroy(id), /not a capsule's id/);
});

test("stop keeps the disk, and a start with it finds the files, with their owners, under other uids", options, async () => {
  const spec = specOf();
  const first = await world.launch(spec);
  await first.sh("echo kept > /root/file; touch /tmp/other");
  const uidsBefore = await first.sh("cat /proc/self/uid_map");
  first.link.close();
  await world.driver.stop(spec.capsuleId);
  assert.deepEqual(await world.driver.list(), [{ capsuleId: spec.capsuleId, state: "gone" }]);
  const second = await world.launch({ ...spec, disk: "keep" });
  assert.equal(await second.sh("cat /root/file; stat -c %u:%g /root/file /tmp/other"), "kept\n0:0\n0:0\n");
  assert.notEqual(await second.sh("cat /proc/self/uid_map"), uidsBefore);
  second.link.close();
  await world.driver.stop(spec.capsuleId);
  const third = await world.launch({ ...spec, disk: "new" });
  assert.equal((await third.try("cat /root/file")).code, 1);
  await world.driver.destroy(spec.capsuleId);
});

test("pause freezes every process but not the agent, resume lets them go on", options, async () => {
  const capsule = await world.launch();
  await capsule.sh("(while :; do echo x >> /tmp/ticks; done) > /dev/null 2>&1 &");
  const cpu = async (): Promise<number> => (await world.driver.stats(capsule.handle)).cpuUsageUs;
  await world.driver.pause(capsule.handle);
  await world.driver.pause(capsule.handle);
  assert.equal(await world.driver.recover(capsule.handle), "paused");
  assert.deepEqual(await world.driver.list(), [{ capsuleId: capsule.id, state: "paused" }]);
  const used = await cpu();
  assert.equal(typeof (await capsule.link.stats()).idleMs, "number");
  // What a process used on its way into the freezer may be counted a moment later; the loop, were it not frozen, would use most of this time.
  await sleep(100);
  assert.ok((await cpu()) - used < 10_000);
  await world.driver.resume(capsule.handle);
  await world.driver.resume(capsule.handle);
  assert.equal(await world.driver.recover(capsule.handle), "running");
  assert.equal(await capsule.sh("echo on"), "on\n");
  assert.ok((await cpu()) > used);
  await world.driver.pause(capsule.handle);
  await world.driver.destroy(capsule.id);
  assert.deepEqual(await world.driver.list(), []);
});

test("a capsule outlives the server: the next one finds it running and talks to it", options, async () => {
  const capsule = await world.launch();
  const next = await world.again();
  assert.deepEqual(await next.driver.list(), [{ capsuleId: capsule.id, state: "running" }]);
  assert.equal(await next.driver.recover(capsule.handle), "running");
  const socket = await next.driver.openAgent(capsule.handle);
  socket.destroy();
  await next.driver.destroy(capsule.id);
  assert.equal(await world.driver.recover(capsule.handle), "gone");
  await world.driver.destroy(capsule.id);
});

test("watch tells once that the machine has ended by itself, soon, and not after it was stopped", options, async () => {
  const capsule = await world.launch();
  const other = await world.launch();
  let calls = 0;
  const ended = new Promise<void>((resolve) => {
    world.driver.watch(capsule.handle, () => {
      calls += 1;
      resolve();
    });
  });
  let otherCalls = 0;
  world.driver.watch(other.handle, () => (otherCalls += 1))();
  const began = performance.now();
  process.kill(Number(capsule.handle.data["pid"]), "SIGKILL");
  await ended;
  assert.ok(performance.now() - began < 30_000);
  assert.equal(await world.driver.recover(capsule.handle), "gone");
  assert.deepEqual(
    (await world.driver.list()).find((found) => found.capsuleId === capsule.id),
    { capsuleId: capsule.id, state: "debris" },
  );
  await world.driver.destroy(capsule.id);
  await world.driver.destroy(other.id);
  const gone = new Promise<void>((resolve) => void world.driver.watch(capsule.handle, resolve));
  await gone;
  assert.deepEqual([calls, otherCalls], [1, 0]);
});

test("a handle does not match a later process with the same number", options, async () => {
  const capsule = await world.launch();
  const { data } = capsule.handle;
  assert.equal(await world.driver.recover({ ...capsule.handle, data: { ...data, startTime: Number(data["startTime"]) - 1 } }), "gone");
  await assert.rejects(world.driver.recover({ ...capsule.handle, version: 2 }), /not a handle/);
  await world.driver.destroy(capsule.id);
});

test("a template that is not built, and a runtime that fails, are told, and nothing is left", options, async () => {
  const traces = tracesOf(world);
  await assert.rejects(world.launch({ template: "nope" }), TemplateMissingError);
  await assert.rejects(world.launch({ template: "../tiny" }), TemplateMissingError);
  const broken = await world.again({ runtime: "/bin/false" });
  await assert.rejects(broken.driver.launch(specOf(), new AbortController().signal), /exit code 1/);
  const absent = await world.again({ runtime: "/no/such/runtime" });
  await assert.rejects(absent.driver.launch(specOf(), new AbortController().signal), /cannot be executed/);
  assert.deepEqual(tracesOf(world), traces);
});

test("a host without room refuses by what is short, before it makes anything", options, async () => {
  const full = async (overrides: Parameters<OciWorld["again"]>[0], resource: string): Promise<void> => {
    const small = await world.again(overrides);
    await assert.rejects(
      small.driver.launch(specOf(), new AbortController().signal),
      (error) => error instanceof HostFullError && error.resource === resource,
    );
  };
  const capsule = await world.launch();
  // An agent that serves makes no files any more.
  await capsule.sh("true");
  capsule.link.close();
  const traces = tracesOf(world);
  await full({ capsulesMax: 1 }, "capsules");
  await full({ memoryFloorMb: 1 << 30 }, "memory");
  await full({ diskFloorMb: 1 << 30 }, "disk");
  assert.deepEqual(tracesOf(world), traces);
  await world.driver.destroy(capsule.id);
});

test("launches at once stay within the maximum", options, async () => {
  const small = await world.again({ capsulesMax: 3 });
  const specs = Array.from({ length: 6 }, () => specOf());
  const outcomes = await Promise.allSettled(specs.map((spec) => small.driver.launch(spec, new AbortController().signal)));
  assert.equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 3);
  await Promise.all(specs.map((spec) => small.driver.destroy(spec.capsuleId)));
  assert.deepEqual(await world.driver.list(), []);
});

test("the agent's binary is a copy that nobody may read and that is named by its content", options, () => {
  assert.match(world.host.agentBinary, /\/bin\/agent-[0-9a-f]{16}$/);
  assert.ok(existsSync(world.host.agentBinary));
  assert.deepEqual(readFileSync(world.host.agentBinary), readFileSync(world.options.agentBinary));
});
