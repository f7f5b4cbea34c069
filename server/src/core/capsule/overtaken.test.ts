import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, exec } from "../../testing/ask.ts";
import { createWorld } from "../../testing/world.ts";
import { CapsuledError } from "../fail.ts";
import { AgentLostError } from "../ports/agent-link.ts";
import { elseEnded } from "../process/else-ended.ts";

const isRefusal = (error: unknown): boolean => error instanceof CapsuledError && error.code === "invalid_state";

for (const change of ["pause", "stop"] as const) {
  test(`a ${change} that loses to a destruction is refused, and never told as done`, async () => {
    const world = await createWorld();
    let lost = 0;
    for (let turns = 0; turns < 12; turns += 1) {
      const { id } = await createCapsule(world);
      const changing = world.capsules[change](world.principal, id);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const [changed, destroyed] = await Promise.allSettled([changing, world.capsules.destroy(world.principal, id)]);
      assert.equal(destroyed.status, "fulfilled");
      if (changed.status === "rejected") {
        assert.ok(isRefusal(changed.reason), String(changed.reason));
        lost += 1;
      } else assert.equal(changed.value.state, change === "pause" ? "paused" : "stopped");
    }
    assert.ok(lost > 0, "no round was lost, so this shows nothing");
    await world.close();
  });
}

test("an agent that is gone because its capsule was stopped or destroyed is invalid_state, and else an agent_error", async () => {
  const world = await createWorld();
  const lose = (id: string): Promise<never> => elseEnded(world.deps, id, Promise.reject(new AgentLostError("gone")));
  const { id } = await createCapsule(world);
  await assert.rejects(lose(id), { code: "agent_error" });
  await world.capsules.stop(world.principal, id);
  await assert.rejects(lose(id), { code: "invalid_state" });
  await world.capsules.destroy(world.principal, id);
  await assert.rejects(lose(id), { code: "invalid_state" });
  await world.close();
});

test("the output of a stopped capsule is invalid_state until it is started again, and expired once it is destroyed", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const outcome = await exec(world, id, { cmd: "true", background: true, tag: "job" });
  assert.equal(outcome.kind, "background");
  await world.deps.live.get(id)?.follower?.settle();
  const read = (): Promise<unknown> => world.processes.output(world.principal, id, "job", { stream: "stdout", from: 0, limit: 10 });
  await world.capsules.stop(world.principal, id);
  await assert.rejects(read(), { code: "invalid_state" });
  await world.capsules.destroy(world.principal, id);
  await assert.rejects(read(), { code: "result_expired" });
  await world.close();
});
