import assert from "node:assert/strict";
import { it } from "node:test";
import { keyRecord } from "../records.ts";
import { addTeam } from "./access-world.ts";
import type { WithAccessStore } from "./access-world.ts";

export function describeKeys(withStore: WithAccessStore): void {
  it("lists a team's keys newest first and no other team's", () =>
    withStore(async (store) => {
      const [team, other] = [await addTeam(store), await addTeam(store)];
      const later = keyRecord({ teamId: team.id, createdAt: 5000, role: "member" });
      const latest = keyRecord({ teamId: team.id, createdAt: 6000 });
      assert.equal(await store.insertKey(later, 10), true);
      assert.equal(await store.insertKey(latest, 10), true);
      assert.deepEqual((await store.listKeys(team.id)).slice(0, 2), [latest, later]);
      assert.equal((await store.listKeys(other.id)).length, 1);
    }));

  it("never lets a team have more keys than the limit, however many are made at once", () =>
    withStore(async (store) => {
      const team = await addTeam(store);
      const made = await Promise.all(Array.from({ length: 8 }, () => store.insertKey(keyRecord({ teamId: team.id }), 5)));
      assert.equal(made.filter(Boolean).length, 4);
      assert.equal((await store.listKeys(team.id)).length, 5);
    }));

  it("removes a key of the team only, and never its last admin key", () =>
    withStore(async (store) => {
      const [team, other] = [await addTeam(store), await addTeam(store)];
      const [first] = await store.listKeys(team.id);
      assert.ok(first);
      const second = keyRecord({ teamId: team.id });
      const member = keyRecord({ teamId: team.id, role: "member" });
      await store.insertKey(second, 10);
      await store.insertKey(member, 10);
      assert.equal(await store.removeKey(other.id, first.id), "absent");
      assert.equal(await store.removeKey(team.id, first.id), "removed");
      assert.equal(await store.findKeyByHash(first.hash), undefined);
      assert.equal(await store.removeKey(team.id, first.id), "absent");
      assert.equal(await store.removeKey(team.id, second.id), "last_admin");
      assert.equal(await store.removeKey(team.id, member.id), "removed");
    }));

  it("leaves one admin key when all are removed at once", () =>
    withStore(async (store) => {
      const team = await addTeam(store);
      for (let index = 0; index < 3; index += 1) await store.insertKey(keyRecord({ teamId: team.id }), 10);
      const keys = await store.listKeys(team.id);
      const outcomes = await Promise.all(keys.map((key) => store.removeKey(team.id, key.id)));
      assert.deepEqual(outcomes.toSorted(), ["last_admin", "removed", "removed", "removed"]);
      assert.equal((await store.listKeys(team.id)).length, 1);
    }));

  it("records the latest use of each key and never an earlier one", () =>
    withStore(async (store) => {
      const team = await addTeam(store);
      const [key] = await store.listKeys(team.id);
      assert.ok(key);
      await store.recordKeyUse([
        { id: key.id, lastUsedAt: 7000 },
        { id: "key-none", lastUsedAt: 7000 },
      ]);
      await store.recordKeyUse([{ id: key.id, lastUsedAt: 6000 }]);
      await store.recordKeyUse([]);
      assert.equal((await store.listKeys(team.id))[0]?.lastUsedAt, 7000);
    }));
}
