import assert from "node:assert/strict";
import { it } from "node:test";
import type { DayUsage, Mark, UsageStore } from "../../../core/metrics/store.ts";
import { createAccessStore } from "../../access-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { createUsageStore } from "../../usage-store.ts";
import { keyRecord, teamRecord } from "../records.ts";

const at = (steadyMs: number): Mark => ({ steadyMs, at: 1_790_000_000_000 + steadyMs });

interface Ground {
  readonly store: UsageStore;
  readonly teamId: string;
  readonly otherTeamId: string;
}

const sum = (teamId: string, day: number, capsuleMs: number): DayUsage => ({
  teamId,
  day,
  capsuleMs,
  vcpuMs: capsuleMs * 2,
  memoryMbMs: capsuleMs * 512,
});

export function describeUsage(openFresh: OpenFresh): void {
  const test = (name: string, act: (ground: Ground) => Promise<void>): void => {
    it(name, async () => {
      const database = await openFresh();
      try {
        const [team, other] = [teamRecord(), teamRecord()];
        for (const each of [team, other]) await createAccessStore(database).insertTeam(each, keyRecord({ teamId: each.id }));
        await act({ store: createUsageStore(database), teamId: team.id, otherTeamId: other.id });
      } finally {
        await database.close();
      }
    });
  };

  test("daily sums grow with each count and are a team's own, from the first to the last day asked for", async ({
    store,
    teamId,
    otherTeamId,
  }) => {
    assert.equal(await store.mark("host-1"), null);
    assert.deepEqual(await store.add("host-1", null, at(100), [sum(teamId, 9, 10), sum(teamId, 8, 5), sum(otherTeamId, 9, 1)]), at(100));
    assert.deepEqual(await store.add("host-1", at(100), at(200), [sum(teamId, 9, 30)]), at(200));
    assert.deepEqual(await store.add("host-2", null, at(7), [sum(teamId, 9, 2)]), at(7), "another host adds to the same day");
    assert.deepEqual([await store.mark("host-1"), await store.mark("host-2")], [at(200), at(7)]);
    assert.deepEqual(await store.list(teamId, 8, 9), [sum(teamId, 8, 5), sum(teamId, 9, 42)]);
    assert.deepEqual(await store.list(teamId, 9, 20), [sum(teamId, 9, 42)]);
    assert.deepEqual(await store.list(otherTeamId, 0, 20), [sum(otherTeamId, 9, 1)]);
    assert.deepEqual(await store.list(teamId, 10, 9), []);
  });

  test("a count that is sent again adds nothing, nor does one from another mark", async ({ store, teamId }) => {
    for (const _ of [1, 2]) assert.deepEqual(await store.add("host-1", null, at(100), [sum(teamId, 9, 10)]), at(100));
    for (const _ of [1, 2]) assert.deepEqual(await store.add("host-1", at(100), at(200), [sum(teamId, 9, 10)]), at(200));
    assert.deepEqual(await store.add("host-1", at(150), at(300), [sum(teamId, 9, 10)]), at(200));
    assert.deepEqual(await store.add("host-3", at(150), at(300), [sum(teamId, 9, 10)]), null);
    assert.deepEqual(await store.list(teamId, 0, 20), [sum(teamId, 9, 20)]);
  });

  test("a count whose sums cannot be stored moves no mark", async ({ store, teamId }) => {
    await assert.rejects(store.add("host-1", null, at(100), [sum(teamId, 9, 10), sum("team-nobody", 9, 10)]));
    assert.equal(await store.mark("host-1"), null);
    assert.deepEqual(await store.list(teamId, 0, 20), []);
  });

  test("sums of a thousand teams' size stay exact, and of more rows than one statement takes", async ({ store, teamId }) => {
    const days = Array.from({ length: 1201 }, (_, day) => sum(teamId, day, 8_000_000_000_000));
    assert.deepEqual(await store.add("host-1", null, at(100), days), at(100));
    assert.deepEqual(await store.add("host-1", at(100), at(200), [sum(teamId, 5, 1)]), at(200));
    const stored = await store.list(teamId, 0, 5000);
    assert.equal(stored.length, 1201);
    assert.deepEqual(stored[5], sum(teamId, 5, 8_000_000_000_001));
  });

  test("the oldest days go, day by day and of all teams, and none that is to be kept", async ({ store, teamId, otherTeamId }) => {
    await store.add("host-1", null, at(100), [sum(teamId, 1, 1), sum(otherTeamId, 1, 1), sum(teamId, 2, 1), sum(teamId, 3, 1)]);
    assert.equal(await store.removeOldest(3), 2);
    assert.equal(await store.removeOldest(3), 1);
    assert.equal(await store.removeOldest(3), 0);
    assert.deepEqual(await store.list(teamId, 0, 20), [sum(teamId, 3, 1)]);
    assert.deepEqual(await store.list(otherTeamId, 0, 20), []);
  });
}
