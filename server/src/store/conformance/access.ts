import assert from "node:assert/strict";
import { it } from "node:test";
import type { AccessStore, TeamRecord } from "../../core/access/store.ts";
import { createAccessStore } from "../access-store.ts";
import type { OpenFresh } from "../conformance.ts";
import { keyRecord, teamRecord } from "../testing/records.ts";

export function describeAccessStore(openFresh: OpenFresh): void {
  async function withStore(work: (store: AccessStore) => Promise<void>): Promise<void> {
    const database = await openFresh();
    try {
      await work(createAccessStore(database));
    } finally {
      await database.close();
    }
  }
  async function addTeam(store: AccessStore, given: Partial<TeamRecord> = {}): Promise<TeamRecord> {
    const team = teamRecord(given);
    assert.equal(await store.insertTeam(team, keyRecord({ teamId: team.id })), true);
    return team;
  }

  it("keeps a team and its key, found again by the key's hash", () =>
    withStore(async (store) => {
      const team = teamRecord({ name: "Bücher & Söhne", isFirst: true });
      const key = keyRecord({ teamId: team.id });
      assert.equal(await store.insertTeam(team, key), true);
      assert.deepEqual(await store.findKeyByHash(key.hash), { key, team });
      assert.deepEqual(await store.findTeam(team.id), team);
      assert.equal(await store.findKeyByHash("0".repeat(64)), undefined);
      assert.equal(await store.findTeam("team-none"), undefined);
    }));

  it("refuses a taken slug and a second first team, and keeps nothing of them", () =>
    withStore(async (store) => {
      const team = await addTeam(store, { isFirst: true, slug: "builders" });
      for (const refused of [teamRecord({ slug: "builders" }), teamRecord({ isFirst: true })]) {
        const key = keyRecord({ teamId: refused.id });
        assert.equal(await store.insertTeam(refused, key), false);
        assert.equal(await store.findKeyByHash(key.hash), undefined);
      }
      assert.deepEqual(await store.listTeams(null), [team]);
      assert.equal(await store.countTeams(), 1);
    }));

  it("makes one first team of many that try at once", () =>
    withStore(async (store) => {
      const tries = Array.from({ length: 6 }, () => teamRecord({ isFirst: true }));
      const made = await Promise.all(tries.map((team) => store.insertTeam(team, keyRecord({ teamId: team.id }))));
      assert.equal(made.filter(Boolean).length, 1);
      assert.equal(await store.countTeams(), 1);
    }));

  it("lists teams oldest first, or only the one asked for", () =>
    withStore(async (store) => {
      const young = await addTeam(store, { createdAt: 3000 });
      const old = await addTeam(store, { createdAt: 2000 });
      assert.deepEqual(await store.listTeams(null), [old, young]);
      assert.deepEqual(await store.listTeams(young.id), [young]);
      assert.deepEqual(await store.listTeams("team-none"), []);
    }));

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
