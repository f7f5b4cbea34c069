import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, exec } from "../../testing/ask.ts";
import { createWorld } from "../../testing/world.ts";
import { NO_EFFECTS } from "./effects.ts";
import { recoverOne } from "./recover.ts";
import type { CapsuleStore } from "./store.ts";
import { StoreUnavailableError } from "./store.ts";

test("a capsule that runs is not given up because the database is gone while it is taken over: the next look takes it over", async () => {
  const world = await createWorld();
  const { deps } = world;
  const { id } = await createCapsule(world);
  const running = await deps.store.find(id);
  assert.ok(running !== undefined);
  // A pause that its server's end has cut off.
  const pausing = await deps.store.transition(running, "pausing", {}, deps.clock.now(), NO_EFFECTS);
  assert.ok(pausing !== undefined);
  deps.live.remove(id);
  let isGone = true;
  const transition: CapsuleStore["transition"] = async (...change) => {
    if (!isGone) return deps.store.transition(...change);
    isGone = false;
    throw new StoreUnavailableError("the database is gone for a moment");
  };
  await assert.rejects(recoverOne({ ...deps, store: { ...deps.store, transition } }, pausing), StoreUnavailableError);
  assert.deepEqual(await deps.driver.list(), [{ capsuleId: id, state: "running" }]);
  await recoverOne(deps, pausing);
  assert.equal((await deps.store.find(id))?.state, "running");
  assert.equal((await exec(world, id, { cmd: "echo", args: ["here"] })).kind, "ended");
  await world.close();
});
