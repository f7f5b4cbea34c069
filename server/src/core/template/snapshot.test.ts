import assert from "node:assert/strict";
import test from "node:test";
import type { ErrorCode } from "@capsuled/contract";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { CapsuledError } from "../fail.ts";
import type { SnapshotInput, TemplateView } from "./service.ts";
import { tendTemplates } from "./upkeep.ts";

const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof CapsuledError && error.code === code;

function snapshot(world: World, given: Partial<SnapshotInput>, overwrite = false): Promise<TemplateView> {
  const input = { capsule_id: undefined, sandbox_id: undefined, name: undefined, overwrite: undefined, ...given };
  return world.templates.snapshot(world.principal, input, overwrite);
}

async function text(world: World, id: string, line: string): Promise<string> {
  const outcome = await exec(world, id, { cmd: "sh", args: ["-c", line] });
  return outcome.kind === "ended" ? Buffer.from(outcome.stdout).toString() : outcome.kind;
}

async function withWorld(act: (world: World) => Promise<void>, ...given: Parameters<typeof createWorld>): Promise<void> {
  const world = await createWorld(...given);
  try {
    await act(world);
  } finally {
    await world.close();
  }
}

test("a capsule of a snapshot has its files and its sizes; what it says itself goes before", () =>
  withWorld(async (world) => {
    const { id } = await createCapsule(world, { vcpus: 2, memory_mb: 96, disk_mb: 32 });
    await text(world, id, "echo kept > /root/file");
    const made = await snapshot(world, { sandbox_id: id });
    assert.match(made.name, /^template-[0-9a-f]{8}$/);
    assert.deepEqual([made.type, made.isPlatform, made.vcpus, made.memoryMb, made.diskMb], ["snapshot", false, 2, 96, 32]);
    await text(world, id, "echo later > /root/file");
    const like = await createCapsule(world, { template: made.name, vcpus: undefined, memory_mb: undefined, disk_mb: undefined });
    assert.deepEqual([like.vcpus, like.memoryMb, like.diskMb, like.template], [2, 96, 32, made.name]);
    assert.equal(await text(world, like.id, "cat /root/file"), "kept\n");
    const other = await createCapsule(world, { template: made.name, vcpus: 1, memory_mb: 64 });
    assert.deepEqual([other.vcpus, other.memoryMb], [1, 64]);
  }));

test("the capsule is in the state it was in, running or paused; any other is refused", () =>
  withWorld(async (world) => {
    const { id } = await createCapsule(world);
    await snapshot(world, { capsule_id: id, name: "running" });
    assert.equal((await world.capsules.get(world.principal, id)).state, "running");
    await world.capsules.pause(world.principal, id);
    await snapshot(world, { capsule_id: id, name: "paused" });
    assert.equal((await world.capsules.get(world.principal, id)).state, "paused");
    await world.capsules.resume(world.principal, id, 1000);
    await world.capsules.stop(world.principal, id);
    await assert.rejects(snapshot(world, { capsule_id: id }), hasCode("invalid_state"));
    await assert.rejects(snapshot(world, {}), hasCode("invalid_request"));
    await assert.rejects(snapshot(world, { capsule_id: id, sandbox_id: `cl-${"0".repeat(25)}` }), hasCode("invalid_request"));
    await assert.rejects(snapshot(world, { capsule_id: "nonsense" }), hasCode("not_found"));
  }));

test("a name is one template's: a taken one, a built-in's, two at once; overwriting puts the new in the old one's place", () =>
  withWorld(async (world) => {
    const { id } = await createCapsule(world);
    await text(world, id, "echo one > /root/file");
    await snapshot(world, { capsule_id: id, name: "mine" });
    await assert.rejects(snapshot(world, { capsule_id: id, name: "mine" }), hasCode("template_name_taken"));
    await assert.rejects(snapshot(world, { capsule_id: id, name: "minimal" }), hasCode("name_reserved"));
    const both = await Promise.allSettled([
      snapshot(world, { capsule_id: id, name: "two" }),
      snapshot(world, { capsule_id: id, name: "two" }),
    ]);
    assert.equal(both.filter(({ status }) => status === "fulfilled").length, 1);
    await text(world, id, "echo two > /root/file");
    await snapshot(world, { capsule_id: id, name: "mine" }, true);
    const { id: made } = await createCapsule(world, { template: "mine" });
    assert.equal(await text(world, made, "cat /root/file"), "two\n");
    await tendTemplates(world.deps);
    const names = (await world.templates.list(world.principal, "snapshot")).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ["mine", "two"]);
    assert.equal((await world.driver.snapshots?.list())?.length, 2, "what was overwritten is gone from the host");
  }));

test("a deleted template is gone at once, a built-in one stays, and types are told apart", () =>
  withWorld(async (world) => {
    const { id } = await createCapsule(world);
    await snapshot(world, { capsule_id: id, name: "mine" });
    const names = async (type: string | null) => (await world.templates.list(world.principal, type)).map(({ name }) => name);
    assert.deepEqual([await names("snapshot"), await names("nonsense")], [["mine"], []]);
    assert.deepEqual(await names(null), ["mine", ...(await names("base"))]);
    await world.templates.remove(world.principal, "mine");
    assert.deepEqual(await names("snapshot"), []);
    assert.deepEqual(await world.driver.snapshots?.list(), []);
    await assert.rejects(createCapsule(world, { template: "mine" }), hasCode("not_found"));
    await assert.rejects(world.templates.remove(world.principal, "mine"), hasCode("not_found"));
    await assert.rejects(world.templates.remove(world.principal, "minimal"), hasCode("forbidden"));
    await assert.rejects(world.templates.remove(world.principal, "no\nname"), hasCode("invalid_request"));
  }));

test("templates are a team's own: another team's of the same name is another one", () =>
  withWorld(async (world) => {
    const { id } = await createCapsule(world);
    await snapshot(world, { capsule_id: id, name: "mine" });
    const stranger = { ...world.principal, teamId: world.deps.ids.next("team") };
    assert.deepEqual(await world.templates.list(stranger, "snapshot"), []);
    await assert.rejects(world.templates.remove(stranger, "mine"), hasCode("not_found"));
    const input = { capsule_id: id, sandbox_id: undefined, name: "theirs", overwrite: undefined };
    await assert.rejects(world.templates.snapshot(stranger, input, false), hasCode("not_found"));
  }));

test("a team's templates are bounded in number and in what they take, and a refused one leaves nothing", () =>
  withWorld(async (world) => {
    const { id } = await createCapsule(world);
    await text(world, id, "yes 600000 > /root/file");
    const limits = world.deps.templateLimits;
    Object.assign(limits, { teamTemplatesMax: 1 });
    await snapshot(world, { capsule_id: id });
    await assert.rejects(snapshot(world, { capsule_id: id }), hasCode("quota_exceeded"));
    Object.assign(limits, { teamTemplatesMax: 0, teamTemplatesMb: 1 });
    await assert.rejects(snapshot(world, { capsule_id: id }), hasCode("quota_exceeded"));
    assert.equal((await world.driver.snapshots?.list())?.length, 1);
    assert.equal((await world.templates.list(world.principal, "snapshot")).length, 1);
  }));

test("snapshots that are taken at once do not go beyond the team's limits together, and the refused leave nothing", () =>
  withWorld(async (world) => {
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      const { id } = await createCapsule(world);
      await text(world, id, "yes 200000 > /root/file");
      ids.push(id);
    }
    const limits = world.deps.templateLimits;
    const takeAll = () => Promise.allSettled(ids.map((id) => snapshot(world, { capsule_id: id })));
    const refused = (outcomes: readonly PromiseSettledResult<TemplateView>[]): number =>
      outcomes.filter((one) => one.status === "rejected" && hasCode("quota_exceeded")(one.reason)).length;
    Object.assign(limits, { teamTemplatesMax: 2 });
    assert.equal(refused(await takeAll()), 2);
    assert.equal((await world.templates.list(world.principal, "snapshot")).length, 2);
    for (const { name } of await world.templates.list(world.principal, "snapshot")) await world.templates.remove(world.principal, name);
    // Each takes 0.38 MiB: two have room.
    Object.assign(limits, { teamTemplatesMax: 0, teamTemplatesMb: 1 });
    assert.equal(refused(await takeAll()), 2);
    assert.equal((await world.templates.list(world.principal, "snapshot")).length, 2);
    assert.equal((await world.driver.snapshots?.list())?.length, 2);
  }));

for (const [kind, code] of [
  ["host_full", "host_full"],
  ["fail", "agent_error"],
  ["lost_reply", "agent_error"],
] as const) {
  test(`a snapshot that the host cannot take (${kind}) is ${code} and leaves nothing`, () =>
    withWorld(
      async (world) => {
        const { id } = await createCapsule(world);
        await assert.rejects(snapshot(world, { capsule_id: id, name: "mine" }), hasCode(code));
        assert.deepEqual(await world.driver.snapshots?.list(), []);
        assert.deepEqual(await world.templates.list(world.principal, "snapshot"), []);
        await snapshot(world, { capsule_id: id, name: "mine" });
      },
      { script: { faults: [{ at: "takeSnapshot", kind, nth: 1 }] } },
    ));
}

test("a template that the host could not remove is not there for callers, and upkeep removes it", () =>
  withWorld(
    async (world) => {
      const { id } = await createCapsule(world);
      await snapshot(world, { capsule_id: id, name: "mine" });
      await world.templates.remove(world.principal, "mine");
      assert.deepEqual(await world.templates.list(world.principal, "snapshot"), []);
      assert.equal((await world.driver.snapshots?.list())?.length, 1);
      assert.equal((await tendTemplates(world.deps)).length, 1);
      assert.deepEqual(await world.driver.snapshots?.list(), []);
      assert.deepEqual(await tendTemplates(world.deps), []);
    },
    { script: { faults: [{ at: "removeSnapshot", kind: "fail", nth: 1 }] } },
  ));

test("a server that dies at any step of a snapshot leaves a whole template or none, and the capsule running", async () => {
  let completed = false;
  for (let step = 1; !completed; step += 1) {
    assert.ok(step < 100, "the snapshot never came to its end");
    for (const when of ["before", "after"] as const) {
      const world = await createWorld();
      const { id } = await createCapsule(world);
      await text(world, id, "echo kept > /root/file");
      world.life.doom({ step, when });
      const outcome = await Promise.allSettled([snapshot(world, { capsule_id: id, name: "mine" })]);
      completed = completed || !world.life.isDead;
      const after = await world.restart({});
      const own = await after.templates.list(after.principal, "snapshot");
      if (outcome[0].status === "fulfilled") assert.equal(own.length, 1);
      assert.equal((await after.driver.snapshots?.list())?.length, own.length, `step ${step} ${when}: the host has what callers see`);
      assert.equal((await after.capsules.get(after.principal, id)).state, "running");
      if (own.length === 0) await snapshot(after, { capsule_id: id, name: "mine" });
      const made = await createCapsule(after, { template: "mine" });
      assert.equal(await text(after, made.id, "cat /root/file"), "kept\n");
      await after.close();
    }
  }
});
