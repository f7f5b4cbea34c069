import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, eventsOf, eventually, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import type { ExecInput } from "./service.ts";

async function inBackground(world: World, id: string, given: Partial<ExecInput>): Promise<string> {
  const outcome = await exec(world, id, { background: true, ...given });
  assert.ok(outcome.kind === "background");
  return outcome.started.id;
}

const ended =
  (processId: string) =>
  (event: { readonly type: string; readonly processId: string | null }): boolean =>
    event.type === "process.ended" && event.processId === processId;

async function processEvents(world: World, capsuleId: string): Promise<readonly string[]> {
  return (await eventsOf(world, capsuleId))
    .filter(({ processId }) => processId !== null)
    .map(({ type, processId }) => `${type} ${processId}`);
}

test("a background process is told of with who started it, and its end with its facts", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const process = await inBackground(world, id, { cmd: "sh", args: ["-c", "echo hi; exit 3"], tag: "job" });
  const end = await eventually(world, ended(process));
  assert.ok(end.type === "process.ended");
  assert.deepEqual(
    [end.data.tag, end.data.cmd, end.data.args, end.data.reason, end.data.exit_code, end.data.stdout_bytes, end.data.requested],
    ["job", "sh", ["-c", "echo hi; exit 3"], "exited", 3, 3, null],
  );
  const [start] = (await eventsOf(world, id)).filter(({ type }) => type === "process.started");
  assert.deepEqual(start?.actor, { type: "api_key", id: world.principal.keyId });
  assert.deepEqual(await processEvents(world, id), [`process.started ${process}`, `process.ended ${process}`]);
  await world.close();
});

test("the end of a killed process names the key that asked for it", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const process = await inBackground(world, id, { cmd: "sleep", args: ["1000"] });
  await world.processes.kill(world.principal, id, process, "SIGKILL");
  const end = await eventually(world, ended(process));
  assert.ok(end.type === "process.ended");
  assert.deepEqual(end.data.requested, { by: world.principal.keyId, signal: "SIGKILL" });
  assert.deepEqual(end.actor, { type: "api_key", id: world.principal.keyId });
  await world.close();
});

test("a plain foreground command writes nothing; one that is killed by its timeout leaves its end", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const before = await world.eventStore.latestId();
  for (let times = 0; times < 3; times += 1) await exec(world, id, { cmd: "echo", args: ["hi"] });
  const late = await exec(world, id, { cmd: "sleep", args: ["1000"], timeout: 1 });
  assert.ok(late.kind === "ended" && late.end.reason === "timed_out");
  const end = await eventually(world, ended(late.end.id));
  assert.ok(end.type === "process.ended");
  assert.deepEqual(end.data.requested, { by: "timeout", signal: "SIGKILL" });
  assert.equal(await world.eventStore.latestId(), before + 1);
  await world.close();
});

test("an end for want of memory carries the limit, the peak and the counter, in the answer, the event and the store", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const foreground = await exec(world, id, { cmd: "fake-oom" });
  assert.ok(foreground.kind === "ended");
  assert.equal(foreground.evidence?.memory_limit_bytes, 64 * 1024 * 1024);
  const process = await inBackground(world, id, { cmd: "fake-oom" });
  const end = await eventually(world, ended(process));
  assert.ok(end.type === "process.ended");
  assert.deepEqual([end.data.reason, end.data.oom_kills, end.data.evidence?.oom_kills], ["oom_killed", 1, 2]);
  assert.equal((await world.processes.get(world.principal, id, process)).end?.evidence?.oom_kills, 2);
  await world.close();
});

test("stopping and destroying end what runs by name of who asked, and ends are still told once the capsule is gone", async () => {
  const world = await createWorld();
  const asked = { by: world.principal.keyId, signal: "SIGKILL" };
  const { id } = await createCapsule(world);
  const first = await inBackground(world, id, { cmd: "sleep", args: ["1000"], tag: "one" });
  await world.capsules.pause(world.principal, id);
  assert.equal((await world.processes.get(world.principal, id, "one")).end, null, "it is there while the capsule is paused");
  await world.capsules.stop(world.principal, id);
  assert.deepEqual((await world.processes.get(world.principal, id, first)).end?.reason, "capsule_stopped");
  await world.capsules.start(world.principal, id, 4000);
  const second = await inBackground(world, id, { cmd: "sleep", args: ["1000"], tag: "two" });
  await world.capsules.destroy(world.principal, id);
  const { end } = await world.processes.get(world.principal, id, "two");
  assert.deepEqual([end?.reason, end?.requested], ["capsule_destroyed", asked]);
  assert.deepEqual(await processEvents(world, id), [
    `process.started ${first}`,
    `process.ended ${first}`,
    `process.started ${second}`,
    `process.ended ${second}`,
  ]);
  await assert.rejects(world.processes.output(world.principal, id, "two", { stream: "stdout", from: 0, limit: 1 }), {
    code: "result_expired",
  });
  await assert.rejects(world.processes.get(world.principal, id, "none"), { code: "not_found" });
  await world.close();
});

test("what an agent that dies leaves running has ended agent_lost, once, and what had ended keeps its end", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const done = await inBackground(world, id, { cmd: "true" });
  await eventually(world, ended(done));
  const running = await inBackground(world, id, { cmd: "sleep", args: ["1000"] });
  world.driver.host.crash(id);
  const error = await eventually(world, ({ type }) => type === "capsule.error");
  assert.deepEqual(error.actor, { type: "system", id: "driver" });
  const lost = await world.processes.get(world.principal, id, running);
  assert.deepEqual([lost.end?.reason, lost.end?.exit_code], ["agent_lost", null]);
  assert.equal((await world.processes.get(world.principal, id, done)).end?.reason, "exited");
  assert.equal((await processEvents(world, id)).length, 4);
  await world.close();
});

test("what ran when the host went down has ended host_restarted", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const running = await inBackground(world, id, { cmd: "sleep", args: ["1000"] });
  await eventually(world, ({ type }) => type === "process.started");
  world.driver.host.reboot();
  const next = await world.restart();
  assert.equal((await next.processes.get(next.principal, id, running)).end?.reason, "host_restarted");
  const stopped = (await eventsOf(next, id)).at(-1);
  assert.ok(stopped?.type === "capsule.stopped");
  assert.deepEqual([stopped.data.reason, stopped.actor], ["host_restarted", { type: "system", id: "recover" }]);
  await next.close();
});

test("what starts and ends while no server runs is told by the next one, once", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const processes: string[] = [];
  for (let times = 0; times < 300; times += 1) processes.push(await inBackground(world, id, { cmd: "true" }));
  world.life.die();
  const next = await world.restart();
  for (const process of processes) await eventually(next, ended(process));
  const told = await processEvents(next, id);
  assert.equal(told.length, 600);
  assert.equal(new Set(told).size, 600);
  await next.close();
});

test("output is read by offset while the process runs, while the capsule is paused and after the end", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const process = await inBackground(world, id, { cmd: "sh", args: ["-c", "printf 0123456789; printf err >&2"] });
  await eventually(world, ended(process));
  const read = async (stream: "stdout" | "stderr", from: number, limit: number): Promise<[string, number, number, boolean]> => {
    const { bytes, next, total, ended: isOver } = await world.processes.output(world.principal, id, process, { stream, from, limit });
    return [Buffer.from(bytes).toString(), next, total, isOver];
  };
  assert.deepEqual(await read("stdout", 3, 4), ["3456", 7, 10, true]);
  await world.capsules.pause(world.principal, id);
  assert.deepEqual(await read("stdout", 10, 4), ["", 10, 10, true]);
  assert.deepEqual(await read("stderr", 0, 100), ["err", 3, 3, true]);
  await assert.rejects(read("stdout", 11, 1), { code: "invalid_offset" });
  await world.close();
});
