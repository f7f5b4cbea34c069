import assert from "node:assert/strict";
import test from "node:test";
import { templateCreate } from "@capsuled/contract";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { tendTemplates } from "../template/upkeep.ts";
import { recoverBuilds } from "./recover-builds.ts";

const recipe = templateCreate.parse({ name: "t", steps: [{ run: "echo 1 > /root/1" }, { run: "echo 2 > /root/2" }] });

/** Begins a build in a server that dies at that step of its own; `false` when it had none left to die at. */
async function diesAt(world: World, step: number): Promise<boolean> {
  world.life.doom({ step, when: step % 2 === 0 ? "before" : "after" });
  try {
    const { id } = await world.builds.start(world.principal, recipe);
    await world.underWay.settled(id);
  } catch {
    // Its caller hears of the death, or of nothing.
  }
  return world.life.isDead;
}

test(
  "a server that dies at any moment of a build leaves no capsule and no half of a template, and the build says so",
  { timeout: 300_000 },
  async () => {
    let deaths = 0;
    let died = true;
    for (let step = 1; died; step += 3) {
      const first = await createWorld();
      let world = first;
      try {
        died = await diesAt(world, step);
        world.life.die();
        world = await world.restart({});
        await recoverBuilds(world.deps, world.underWay);
        await tendTemplates(world.deps);
        await world.deps.acts.settled();
        if (died) deaths += 1;
        assert.deepEqual(await world.driver.list(), [], `a capsule is left of a death at ${step}`);
        const builds = await world.builds.list(world.principal, 10);
        const templates = (await world.templates.list(world.principal, "snapshot")).map(({ name }) => name);
        for (const build of builds) {
          assert.equal(build.state, templates.includes("t") ? "ready" : "failed", `died at ${step}`);
          assert.equal(build.reason, build.state === "failed" ? "server_lost" : null);
          const [last] = (await world.deps.builds.readLog(build.id, 0, 1000)).slice(-1);
          assert.equal(last?.entry.type, "end");
        }
        const layers = (await world.deps.teamTemplates.listOnHost(world.deps.hostId, { kind: "layer" })).length;
        assert.equal((await world.driver.snapshots?.list())?.length, templates.length + layers);
        // The next build goes on from what the steps left.
        const again = await world.builds.start(world.principal, { ...recipe, overwrite: true, wait_ms: 60_000 });
        assert.deepEqual([again.state, again.cachedSteps], ["ready", layers]);
      } finally {
        await world.close();
      }
    }
    assert.ok(deaths > 10, `only ${deaths} deaths were tried`);
  },
);
