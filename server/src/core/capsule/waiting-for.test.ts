import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import { createWorld } from "../../testing/world.ts";
import type { Template } from "../ports/templates.ts";
import { withWaiting } from "./waiting-for.ts";

test("a capsule that waits for the build of its template says how far that is, and any other what it said", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const running = await world.deps.store.find(id);
  assert.ok(running !== undefined);
  const building: Template = {
    name: "minimal",
    state: "building",
    sizeBytes: null,
    builtAt: null,
    failure: null,
    progress: { step: "installing libc6", fraction: 0.459 },
    startCommand: null,
  };
  const templates = (found: Template | undefined) => ({ templates: { find: async () => found } });
  const pending = { ...running, state: "pending", snapshotId: null, message: null } as const;
  const told = await withWaiting(templates(building), pending);
  assert.deepEqual(told, {
    ...pending,
    message: "Its template minimal is being built, which is done once: 45 %, installing libc6.",
  });
  const early = await withWaiting(templates({ ...building, progress: null }), pending);
  assert.equal(early.message, "Its template minimal is being built, which is done once.");
  for (const found of [undefined, { ...building, state: "ready" } as const])
    assert.equal(await withWaiting(templates(found), pending), pending);
  for (const record of [running, { ...pending, snapshotId: "sn-1" }]) assert.equal(await withWaiting(templates(building), record), record);
  await world.close();
});
