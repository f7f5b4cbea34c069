import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import { createWorld } from "../../testing/world.ts";
import { CapsuledError } from "../fail.ts";
import { attachAgain } from "./again.ts";
import type { ProcessDeps } from "./deps.ts";

test("a request that is gone on with in a paused capsule is not refused for good, and begins when nothing of it is there", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const deps: ProcessDeps = { ...world.deps, idempotency: world.idempotency, metrics: { execEnded() {} }, outputBytesMax: 1024 };
  await world.capsules.pause(world.principal, id);
  await assert.rejects(
    attachAgain(deps, world.principal, id, `pr-${"3".repeat(25)}`, "continued"),
    (error) => error instanceof CapsuledError && error.code === "unavailable",
  );
  await world.capsules.resume(world.principal, id, 1000);
  assert.equal(await attachAgain(deps, world.principal, id, `pr-${"3".repeat(25)}`, "continued"), undefined);
  await world.close();
});
