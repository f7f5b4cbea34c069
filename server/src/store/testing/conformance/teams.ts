import assert from "node:assert/strict";
import { it } from "node:test";
import { keyRecord, teamRecord } from "../records.ts";
import { addTeam } from "./access-world.ts";
import type { WithAccessStore } from "./access-world.ts";

export function describeTeams(withStore: WithAccessStore): void {
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
}
