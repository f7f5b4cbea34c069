import assert from "node:assert/strict";
import { it } from "node:test";
import type { TransitionEffects } from "../../../core/capsule/effects.ts";
import { effectsOf } from "../../../core/capsule/effects.ts";
import type { CapsuleRecord } from "../../../core/capsule/record.ts";
import type { EventRecord } from "../../../core/event/record.ts";
import type { EventListFilter } from "../../../core/event/store.ts";
import { insertCapsule, capsuleRecord } from "../records.ts";
import type { EventWorld, WithEventWorld } from "./event-world.ts";

const paused = (record: CapsuleRecord): TransitionEffects => effectsOf(record, "paused", {}, { type: "api_key", id: "key-a" }, 2000);

function list(world: EventWorld, given: Partial<EventListFilter> = {}): Promise<readonly EventRecord[]> {
  return world.events.list({
    teamId: world.teamId,
    capsuleId: null,
    type: null,
    above: 0,
    below: null,
    order: "asc",
    limit: 1000,
    ...given,
  });
}

export function describeEvents(withWorld: WithEventWorld): void {
  it("stores a capsule and its event together, and a change of state and its event together", () =>
    withWorld(async (world) => {
      const capsule = await world.running({ name: "web" });
      const next = await world.capsules.transition(capsule, "paused", {}, 2000, paused(capsule));
      assert.equal(next?.state, "paused");
      const events = await list(world);
      assert.deepEqual(
        events.map(({ type, capsuleId, actor, at }) => ({ type, capsuleId, actor, at })),
        [
          { type: "capsule.created", capsuleId: capsule.id, actor: { type: "api_key", id: "key-test" }, at: 1000 },
          { type: "capsule.paused", capsuleId: capsule.id, actor: { type: "api_key", id: "key-a" }, at: 2000 },
        ],
      );
      assert.deepEqual(world.told, [world.teamId, world.teamId]);
    }));

  it("stores no event for a change that came too late, nor for a capsule that found its place taken", () =>
    withWorld(async (world) => {
      const capsule = await world.running({ name: "web" });
      assert.equal(await world.capsules.transition({ ...capsule, version: 7 }, "paused", {}, 2000, paused(capsule)), undefined);
      const taken = await insertCapsule(world.capsules, capsuleRecord({ teamId: world.teamId, name: "web" }));
      assert.equal(taken?.id, capsule.id);
      assert.equal((await list(world)).length, 1);
      assert.equal(await world.events.latestId(), 1);
    }));

  it("gives ids without a hole, whatever many changes at once and their lost races do", () =>
    withWorld(async (world) => {
      const capsules = await Promise.all(Array.from({ length: 12 }, () => world.running()));
      const changes = capsules.flatMap((capsule) =>
        Array.from({ length: 3 }, () => world.capsules.transition(capsule, "paused", {}, 2000, paused(capsule))),
      );
      assert.equal((await Promise.all(changes)).filter((next) => next !== undefined).length, 12);
      const ids = (await list(world)).map(({ id }) => id);
      assert.deepEqual(
        ids,
        Array.from({ length: 24 }, (_, index) => index + 1),
      );
    }));

  it("never shows an event before one with a lower id: a reader that goes on from what it saw misses none", () =>
    withWorld(async (world) => {
      const capsules = await Promise.all(Array.from({ length: 30 }, () => world.running()));
      const seen: number[] = [];
      let position = 0;
      let isOver = false;
      const read = async (): Promise<void> => {
        const after = await world.events.readAfter({ teamId: world.teamId, capsuleId: null, type: null }, position, 7);
        seen.push(...after.items.map(({ id }) => id));
        position = after.position;
      };
      const writing = Promise.all(capsules.map((capsule) => world.capsules.transition(capsule, "paused", {}, 2000, paused(capsule)))).then(
        () => {
          isOver = true;
        },
      );
      while (!isOver) {
        await read();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writing;
      while (seen.length < 60) await read();
      assert.deepEqual(
        seen,
        Array.from({ length: 60 }, (_, index) => index + 1),
      );
    }));

  it("lists a team's own events only, by capsule and type, both ways and page by page", () =>
    withWorld(async (world) => {
      const [first, second] = [await world.running(), await world.running()];
      await insertCapsule(world.capsules, capsuleRecord({ teamId: world.otherTeamId }));
      await world.capsules.transition(first, "paused", {}, 2000, paused(first));
      const ids = async (given: Partial<EventListFilter>): Promise<number[]> => (await list(world, given)).map(({ id }) => id);
      assert.deepEqual(await ids({}), [1, 2, 4]);
      assert.deepEqual(await ids({ order: "desc" }), [4, 2, 1]);
      assert.deepEqual(await ids({ capsuleId: first.id }), [1, 4]);
      assert.deepEqual(await ids({ capsuleId: second.id, type: "capsule.paused" }), []);
      assert.deepEqual(await ids({ type: "capsule.paused" }), [4]);
      assert.deepEqual(await ids({ above: 1, limit: 1 }), [2]);
      assert.deepEqual(await ids({ below: 4, order: "desc", limit: 1 }), [2]);
      assert.deepEqual(await ids({ capsuleId: "cl\0" }), []);
      assert.deepEqual(await list(world, { teamId: world.otherTeamId }).then((events) => events.map(({ id }) => id)), [3]);
    }));

  it("goes on from the newest event of all teams where its own filter matches none", () =>
    withWorld(async (world) => {
      await world.running();
      await insertCapsule(world.capsules, capsuleRecord({ teamId: world.otherTeamId }));
      const after = await world.events.readAfter({ teamId: world.teamId, capsuleId: null, type: "capsule.error" }, 0, 10);
      assert.deepEqual(after, { items: [], horizon: 0, position: 2 });
    }));

  it("removes what is too old or too much of a team, the oldest first and a batch at a time, and says up to where", () =>
    withWorld(async (world) => {
      for (const createdAt of [10, 20, 30, 40, 50]) await world.running({ createdAt });
      await insertCapsule(world.capsules, capsuleRecord({ teamId: world.otherTeamId, createdAt: 1 }));
      assert.equal(await world.events.removeOld(world.teamId, 25, 100, 1), 1);
      assert.equal(await world.events.removeOld(world.teamId, 25, 100, 10), 1);
      assert.equal(await world.events.removeOld(world.teamId, 25, 100, 10), 0);
      const filter = { teamId: world.teamId, capsuleId: null, type: null };
      assert.equal((await world.events.readAfter(filter, 0, 10)).horizon, 2);
      assert.equal(await world.events.removeOld(world.teamId, 0, 2, 10), 1);
      const after = await world.events.readAfter(filter, 0, 10);
      assert.deepEqual([after.horizon, after.items.map(({ id }) => id)], [3, [4, 5]]);
      assert.equal((await world.events.readAfter({ ...filter, teamId: world.otherTeamId }, 0, 10)).horizon, 0);
    }));
}
