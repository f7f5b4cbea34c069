import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { expireIdle } from "./expire.ts";
import { pauseCapsule } from "./pause.ts";
import { DIFFERENCE_GRACE_MS, Reconciler } from "./reconcile.ts";
import { resumeCapsule } from "./resume.ts";
import { StoreUnavailableError } from "./store.ts";

/** Seconds; the shortest there is. */
const TTL = 1;

/** Waits until the agents themselves have been idle for a TTL: they have clocks of their own. */
async function idle(world: World): Promise<void> {
  for (const { link } of world.deps.live.all()) {
    for (;;) {
      const { idleMs } = await link.stats();
      if (idleMs >= TTL * 1000) break;
      await new Promise((resolve) => setTimeout(resolve, TTL * 1000 - idleMs + 1));
    }
  }
}

test("one look pauses 32 idle capsules at most, and the next the others", async () => {
  const world = await createWorld();
  for (let count = 0; count < 33; count += 1) await createCapsule(world, { timeout_sec: TTL });
  await createCapsule(world);
  await idle(world);
  world.clock.advance(TTL * 1000);
  assert.equal((await expireIdle(world.deps)).length, 32);
  assert.equal((await expireIdle(world.deps)).length, 1);
  assert.deepEqual(await expireIdle(world.deps), [], "what has no TTL goes on");
  await world.close();
});

test("a capsule that could not be paused goes on and is looked at again after 10 s, not before", async () => {
  const world = await createWorld({ script: { faults: [{ at: "pause", kind: "fail", nth: 1 }] } });
  const { id } = await createCapsule(world, { timeout_sec: TTL });
  await idle(world);
  world.clock.advance(TTL * 1000);
  assert.deepEqual(await expireIdle(world.deps), []);
  assert.equal((await world.capsules.get(world.principal, id)).state, "running");
  world.clock.advance(9_999);
  assert.deepEqual(await expireIdle(world.deps), [], "not before");
  world.clock.advance(1);
  assert.deepEqual(await expireIdle(world.deps), [id]);
  await world.close();
});

test("a capsule that a new server finds idle is not paused for 10 s, so that its clients can come back", async () => {
  const first = await createWorld();
  const { id } = await createCapsule(first, { timeout_sec: TTL });
  await idle(first);
  first.clock.advance(3_600_000);
  const world = await first.restart();
  assert.deepEqual(await expireIdle(world.deps), []);
  world.clock.advance(9_999);
  assert.deepEqual(await expireIdle(world.deps), []);
  await idle(world);
  world.clock.advance(1);
  assert.deepEqual(await expireIdle(world.deps), [id]);
  await world.close();
});

test("an end that was cut off is finished once it has been seen for a minute, not before", async () => {
  const world = await createWorld({ script: { faults: [{ at: "destroy", kind: "fail", nth: 1 }] } });
  const { id } = await createCapsule(world);
  const other = await createCapsule(world);
  const reconciler = new Reconciler(world.deps);
  assert.deepEqual(await reconciler.tick(), [], "no difference");
  await world.capsules.destroy(world.principal, id).catch(() => {});
  await world.deps.acts.settled();
  assert.equal((await world.deps.store.find(id))?.state, "destroying", "the fault struck");
  assert.deepEqual(await reconciler.tick(), [], "seen for the first time");
  world.clock.advance(DIFFERENCE_GRACE_MS - 1);
  assert.deepEqual(await reconciler.tick(), [], "not before");
  world.clock.advance(1);
  assert.deepEqual(await reconciler.tick(), [id]);
  assert.equal((await world.deps.store.find(id))?.state, "destroyed");
  assert.equal((await world.capsules.get(world.principal, other.id)).state, "running");
  await world.close();
});

test("a pause or a resume whose outcome could not be stored is settled by what the machine is, and the agent answers again", async () => {
  for (const [begin, machine, isDone] of [
    ["pause", "paused", true],
    ["pause", "running", false],
    ["resume", "running", true],
    ["resume", "paused", false],
  ] as const) {
    const world = await createWorld({ script: { faults: isDone ? [] : [{ at: begin, kind: "fail", nth: 1 }] } });
    const { id } = await createCapsule(world);
    if (begin === "resume") await world.capsules.pause(world.principal, id);
    const { store } = world.deps;
    const failing = {
      ...world.deps,
      store: {
        ...store,
        transition: async (...[record, to, ...rest]: Parameters<typeof store.transition>) => {
          if (to === machine) throw new StoreUnavailableError("the database is locked");
          return store.transition(record, to, ...rest);
        },
      },
    };
    await assert.rejects(
      begin === "pause" ? pauseCapsule(failing, world.principal, id) : resumeCapsule(failing, world.principal, id, 4000),
    );
    assert.equal((await store.find(id))?.state, begin === "pause" ? "pausing" : "resuming", "nobody is at it");
    const reconciler = new Reconciler(world.deps);
    assert.deepEqual(await reconciler.tick(), []);
    world.clock.advance(DIFFERENCE_GRACE_MS);
    assert.deepEqual(await reconciler.tick(), [id]);
    assert.equal((await store.find(id))?.state, machine, `${begin}, ${isDone}`);
    if (machine === "paused") await world.capsules.resume(world.principal, id, 4000);
    assert.equal((await exec(world, id, { cmd: "echo" })).kind, "ended");
    await world.close();
  }
});
