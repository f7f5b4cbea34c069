import assert from "node:assert/strict";
import { it } from "node:test";
import { effectsOf, NO_EFFECTS } from "../../../core/capsule/effects.ts";
import { capsuleRecord, insertCapsule } from "../records.ts";
import type { WithEventWorld } from "./event-world.ts";

export function describeNames(withWorld: WithEventWorld): void {
  it("lets one of many capsules that come at once hold a name in its team, and names that one to the others", () =>
    withWorld(async ({ capsules, teamId, otherTeamId }) => {
      const tries = Array.from({ length: 8 }, () => capsuleRecord({ teamId, name: "web" }));
      const holders = await Promise.all(tries.map((record) => insertCapsule(capsules, record)));
      const winners = tries.filter((_, index) => holders[index] === undefined);
      assert.equal(winners.length, 1);
      assert.ok(holders.every((holder) => holder === undefined || holder.id === winners[0]?.id));
      assert.equal((await capsules.findNamed(teamId, "web"))?.id, winners[0]?.id);
      assert.equal(await insertCapsule(capsules, capsuleRecord({ teamId: otherTeamId, name: "web" })), undefined);
      assert.equal(await insertCapsule(capsules, capsuleRecord({ teamId, name: null })), undefined);
      assert.equal(await insertCapsule(capsules, capsuleRecord({ teamId, name: null })), undefined);
    }));

  it("keeps a name through stop and failure, and frees it as soon as the end has begun", () =>
    withWorld(async ({ capsules, teamId, running }) => {
      const capsule = await running({ name: "web" });
      const stopped = await capsules.transition(capsule, "stopped", {}, 2000, effectsOf(capsule, "stopped", {}, null, 2000));
      assert.ok(stopped);
      assert.equal((await insertCapsule(capsules, capsuleRecord({ teamId, name: "web" })))?.id, capsule.id);
      await capsules.transition(stopped, "destroying", {}, 3000, NO_EFFECTS);
      assert.equal(await capsules.findNamed(teamId, "web"), undefined);
      const next = capsuleRecord({ teamId, name: "web" });
      assert.equal(await insertCapsule(capsules, next), undefined);
      assert.equal((await capsules.find(capsule.id))?.name, "web", "it is still shown");
    }));

  it("gives back the row of the same id instead of storing it twice", () =>
    withWorld(async ({ capsules, events, running }) => {
      const capsule = await running();
      assert.deepEqual(await insertCapsule(capsules, { ...capsule, vcpus: 9 }), capsule);
      assert.equal(await events.latestId(), 1);
    }));
}
