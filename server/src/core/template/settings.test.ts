import assert from "node:assert/strict";
import test from "node:test";
import { templateCreate } from "@capsuled/contract";
import type { z } from "zod";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";

async function withWorld(act: (world: World) => Promise<void>): Promise<void> {
  const world = await createWorld();
  try {
    await act(world);
  } finally {
    await world.close();
  }
}

type Given = z.input<typeof templateCreate>;

async function build(world: World, given: Given): Promise<void> {
  const record = await world.builds.start(world.principal, templateCreate.parse({ wait_ms: 60_000, ...given }));
  assert.equal(record.state, "ready", record.message ?? "");
}

async function text(world: World, id: string, line: string): Promise<string> {
  const outcome = await exec(world, id, { cmd: "sh", args: ["-c", line] });
  return outcome.kind === "ended" ? Buffer.from(outcome.stdout).toString() : outcome.kind;
}

test("a template's variables are below a capsule's own, below a command's; a template on it has them too, and a snapshot, and a fork", () =>
  withWorld(async (world) => {
    await build(world, { name: "base", envs: { A: "base", B: "base", C: "base" }, cwd: "/tmp" });
    await build(world, { name: "t", from: { template: "base" }, envs: { B: "t" }, steps: [{ run: "echo $A $B" }] });
    const { id } = await createCapsule(world, { template: "t", envs: { C: "own" } });
    const line = "echo $A $B ${C}$D; pwd";
    assert.equal(await text(world, id, line), "base t own\n/tmp\n");
    const outcome = await exec(world, id, { cmd: "sh", args: ["-c", line], envs: { D: "call" }, cwd: "/root" });
    assert.equal(outcome.kind === "ended" && Buffer.from(outcome.stdout).toString(), "base t owncall\n/root\n");
    const [view] = (await world.templates.list(world.principal, "snapshot")).filter(({ name }) => name === "t");
    assert.deepEqual([view?.settings?.envs, view?.settings?.cwd], [{ A: "base", B: "t", C: "base" }, "/tmp"]);
    const snapshot = { capsule_id: id, sandbox_id: undefined, name: "snap", overwrite: undefined };
    await world.templates.snapshot(world.principal, snapshot, false);
    const like = await createCapsule(world, { template: "snap" });
    assert.equal(await text(world, like.id, line), "base t base\n/tmp\n", "a capsule's own variables are not its snapshot's");
    const [fork] = await world.templates.fork(world.principal, id, { count: 1, name: undefined, wait_ms: 10_000 });
    assert.equal(await text(world, fork?.id ?? "", line), "base t own\n/tmp\n");
    const revived = await world.restart();
    const again = await exec(revived, id, { cmd: "sh", args: ["-c", line] });
    assert.equal(again.kind === "ended" && Buffer.from(again.stdout).toString(), "base t own\n/tmp\n");
    await revived.driver.close();
  }));

test("the start command begins with each boot, with its tag, and a capsule runs when it is ready", () =>
  withWorld(async (world) => {
    await build(world, {
      name: "t",
      start_command: { cmd: "sh", args: ["-c", "echo begun >> /root/begun; sleep 1000"] },
      ready_check: { cmd: "cat", args: ["/root/begun"] },
    });
    const { id, state } = await createCapsule(world, { template: "t" });
    assert.equal(state, "running");
    const started = await world.processes.get(world.principal, id, "start");
    assert.equal(started.end, null);
    assert.equal(await text(world, id, "cat /root/begun"), "begun\n");
    await world.capsules.stop(world.principal, id);
    assert.equal((await world.capsules.start(world.principal, id, 10_000)).state, "running");
    assert.equal(await text(world, id, "cat /root/begun"), "begun\nbegun\n");
    const plain = await createCapsule(world, {});
    assert.deepEqual(await world.processes.list(world.principal, plain.id), []);
  }));

test("a start command that cannot be found or fails, and a ready check that does not pass, are why a capsule is in error", () =>
  withWorld(async (world) => {
    const cases: readonly (readonly [Partial<Given>, RegExp])[] = [
      [{ start_command: { cmd: "/absent" } }, /did not begin/],
      [{ start_command: { cmd: "sh", args: ["-c", "echo why >&2; exit 5"] }, ready_check: { cmd: "false" } }, /exit code 5[^]*why/],
      [{ ready_check: { cmd: "false", timeout_sec: 1 } }, /did not pass within 1 s/],
      [{ ready_check: { cmd: "/absent", timeout_sec: 1 } }, /did not pass within 1 s/],
    ];
    for (const [given, expected] of cases) {
      await build(world, { name: "t", overwrite: true, ...given });
      const record = await createCapsule(world, { template: "t" });
      assert.deepEqual([record.state, record.reason], ["error", "boot_failed"]);
      assert.match(record.message ?? "", expected);
    }
  }));
