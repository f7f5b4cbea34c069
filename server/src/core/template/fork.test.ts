import assert from "node:assert/strict";
import test from "node:test";
import type { ErrorCode } from "@capsuled/contract";
import { createSeededIds } from "../../lib/node/seeded-ids.ts";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { CapsuledError } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { Handle } from "../ports/driver.ts";
import type { ForkInput } from "./fork.ts";
import { tendTemplates } from "./upkeep.ts";

const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof CapsuledError && error.code === code;

async function text(world: World, id: string, line: string): Promise<string> {
  const outcome = await exec(world, id, { cmd: "sh", args: ["-c", line] });
  return outcome.kind === "ended" ? Buffer.from(outcome.stdout).toString() : outcome.kind;
}

const fork = (world: World, id: string, given: Partial<ForkInput>, intent?: Intent) =>
  world.templates.fork(world.principal, id, { count: 1, name: undefined, wait_ms: 10_000, ...given }, intent);

test("forks have the files and the settings of their source and lives of their own; nothing is left of the copy", async () => {
  const world = await createWorld();
  const source = await createCapsule(world, {
    vcpus: 2,
    envs: { SECRET: "s" },
    metadata: { of: "source" },
    timeout_sec: 300,
    public_ports: [3000],
    network: { egress: { allow: [{ to: "203.0.113.0/24", ports: [] }] } },
  });
  await text(world, source.id, "echo kept > /root/file");
  const forks = await fork(world, source.id, { count: 5, name: "try" });
  assert.deepEqual(
    forks.map(({ name, state }) => [name, state]),
    [1, 2, 3, 4, 5].map((n) => [`try-${n}`, "running"]),
  );
  for (const made of forks) {
    const { vcpus, memoryMb, diskMb, timeoutSec, metadata, envNames, egress, template } = source;
    const own = { vcpus, memoryMb, diskMb, timeoutSec, metadata, envNames, egress, template };
    assert.deepEqual({ ...made, ...own }, made);
    assert.deepEqual(made.publicPorts, [], "what everybody may reach is said for each capsule");
    assert.equal(await text(world, made.id, "cat /root/file; echo $SECRET; echo own > /root/file"), "kept\ns\n");
  }
  assert.equal(await text(world, source.id, "cat /root/file"), "kept\n");
  await world.deps.makingTemplates.settled();
  assert.deepEqual(await world.driver.snapshots?.list(), []);
  assert.deepEqual(await world.templates.list(world.principal, "snapshot"), []);
  await world.close();
});

test("a fork is all or none: a taken name, a quota, a stopped source, a full host", async () => {
  const world = await createWorld({ script: { capsulesMax: 3 } });
  const source = await createCapsule(world);
  await createCapsule(world, { name: "try-2" });
  await assert.rejects(fork(world, source.id, { count: 2, name: "try" }), hasCode("conflict"));
  Object.assign(world.deps.limits, { teamCapsulesMax: 3 });
  await assert.rejects(fork(world, source.id, { count: 2 }), hasCode("quota_exceeded"));
  Object.assign(world.deps.limits, { teamCapsulesMax: 0 });
  await assert.rejects(fork(world, source.id, { count: 2 }), hasCode("host_full"));
  const { items } = await world.capsules.list(world.principal, { status: null, metadata: {}, limit: null, cursor: null });
  assert.equal(items.length, 2);
  await world.deps.makingTemplates.settled();
  assert.deepEqual(await world.driver.snapshots?.list(), []);
  await world.capsules.stop(world.principal, source.id);
  await assert.rejects(fork(world, source.id, {}), hasCode("invalid_state"));
  await assert.rejects(fork(world, "nonsense", {}), hasCode("not_found"));
  await world.close();
});

for (const count of [1, 3]) {
  test(`a server that dies at any step of ${count === 1 ? "one fork" : "several forks"} leaves all or none, and a repeat of the request makes them once`, async () => {
    let completed = false;
    for (let step = 1; !completed; step += 1) {
      assert.ok(step < 200, "the fork never came to its end");
      for (const when of ["before", "after"] as const) {
        const world = await createWorld();
        const source = await createCapsule(world);
        await text(world, source.id, "echo kept > /root/file");
        const intent = (stage: Intent["stage"]): Intent => ({ key: "k", ids: createSeededIds("0".repeat(64)), stage });
        world.life.doom({ step, when });
        await Promise.allSettled([fork(world, source.id, { count }, intent("new"))]);
        completed = completed || !world.life.isDead;
        const after = await world.restart({});
        const forks = await fork(after, source.id, { count }, intent("continued"));
        assert.equal(forks.length, count, `step ${step} ${when}`);
        for (const made of forks) assert.equal(await text(after, made.id, "cat /root/file"), "kept\n", `step ${step} ${when}`);
        const { items } = await after.capsules.list(after.principal, { status: null, metadata: {}, limit: null, cursor: null });
        assert.equal(items.length, 1 + count, "none is doubled");
        await after.deps.makingTemplates.settled();
        await tendTemplates(after.deps);
        assert.deepEqual(await after.driver.snapshots?.list(), [], `step ${step} ${when}: the copy is gone`);
        await after.close();
      }
    }
  });
}

test("one fork waits for its disk however short it is to wait, keeps no copy, and its source is left alone until it has it", async () => {
  const world = await createWorld();
  const source = await createCapsule(world);
  await text(world, source.id, "echo kept > /root/file");
  const forking = fork(world, source.id, { wait_ms: 0 });
  const stopping = forking.then(() => text(world, source.id, "echo later > /root/file"));
  const [made] = await forking;
  await stopping;
  assert.ok(made !== undefined);
  await world.deps.acts.idle(made.id);
  assert.equal(await text(world, made.id, "cat /root/file"), "kept\n");
  assert.deepEqual(await world.driver.snapshots?.list(), []);
  await world.close();
});

test("one fork that was answered keeps its disk, though the server dies before it has booted, and its source is gone by then", async () => {
  const world = await createWorld();
  const source = await createCapsule(world);
  await text(world, source.id, "echo kept > /root/file");
  const died = Promise.withResolvers<void>();
  const { openAgent } = world.driver;
  Object.assign(world.driver, { openAgent: (handle: Handle) => died.promise.then(() => openAgent(handle)) });
  const [made] = await fork(world, source.id, { wait_ms: 0 });
  assert.equal(made?.state, "starting");
  world.life.die();
  died.resolve();
  world.host.lose(source.id);
  const after = await world.restart({});
  assert.equal(await text(after, made.id, "cat /root/file"), "kept\n");
  await after.close();
});

test("one fork whose source is destroyed while it is begun is refused, a repeat too, and none is left", async () => {
  const world = await createWorld();
  const source = await createCapsule(world);
  const intent = (stage: Intent["stage"]): Intent => ({ key: "k", ids: createSeededIds("0".repeat(64)), stage });
  await world.driver.destroy(source.id);
  await assert.rejects(fork(world, source.id, {}, intent("new")), hasCode("invalid_state"));
  await assert.rejects(fork(world, source.id, {}, intent("continued")), hasCode("agent_error"));
  const { items } = await world.capsules.list(world.principal, { status: null, metadata: {}, limit: null, cursor: null });
  assert.deepEqual(
    items.map(({ id }) => id).filter((id) => id !== source.id),
    [],
  );
  await world.close();
});
