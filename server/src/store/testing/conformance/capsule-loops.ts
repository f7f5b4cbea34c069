import assert from "node:assert/strict";
import { it } from "node:test";
import { capsuleRecord, insertCapsule } from "../records.ts";
import type { WithCapsuleStore } from "./capsule-world.ts";

export function describeCapsuleLoops(withStore: WithCapsuleStore): void {
  it("lists a host's rows of the asked states, oldest change first", () =>
    withStore(async ({ store, teamId }) => {
      const late = capsuleRecord({ teamId, state: "running", stateChangedAt: 30 });
      const early = capsuleRecord({ teamId, state: "paused", stateChangedAt: 10 });
      const elsewhere = capsuleRecord({ teamId, state: "running", stateChangedAt: 5, hostId: "host-2" });
      for (const capsule of [late, early, elsewhere, capsuleRecord({ teamId, state: "destroyed" })]) await insertCapsule(store, capsule);
      assert.deepEqual(await store.listOnHost("host-1", ["running", "paused"], 10), [early, late]);
      assert.deepEqual(await store.listOnHost("host-1", ["running", "paused"], 1), [early]);
      assert.deepEqual(await store.listOnHost("host-1", [], 1), []);
    }));

  it("counts a team's capsules by state, and a host's for the metrics", () =>
    withStore(async ({ store, teamId, otherTeamId }) => {
      for (const state of ["running", "running", "paused", "destroyed"] as const)
        await insertCapsule(store, capsuleRecord({ teamId, state }));
      await insertCapsule(store, capsuleRecord({ teamId: otherTeamId, state: "running", hostId: "host-2" }));
      assert.equal(await store.count(teamId, ["running", "paused"]), 3);
      assert.equal(await store.count(teamId, []), 0);
      assert.deepEqual(
        await store.countByState("host-1"),
        new Map([
          ["destroyed", 1],
          ["paused", 1],
          ["running", 2],
        ]),
      );
    }));

  it("records the latest activity of many rows at once without touching their version", () =>
    withStore(async ({ store, teamId }) => {
      const rows = Array.from({ length: 1100 }, (_, index) => capsuleRecord({ teamId, lastActiveAt: index % 2 === 0 ? null : 5000 }));
      for (const row of rows) await insertCapsule(store, row);
      await store.recordActivity(rows.map(({ id }, index) => ({ id, lastActiveAt: 4000 + index })));
      await store.recordActivity([]);
      for (const [index, row] of rows.entries()) {
        const expected = Math.max(row.lastActiveAt ?? 0, 4000 + index);
        assert.deepEqual(await store.find(row.id), { ...row, lastActiveAt: expected });
      }
    }));

  it("forgets the longest destroyed capsules with their metadata, a batch at a time, and nothing else", () =>
    withStore(async ({ store, teamId }) => {
      const gone = [10, 20, 30].map((stateChangedAt) =>
        capsuleRecord({ teamId, state: "destroyed", stateChangedAt, metadata: { a: "b" } }),
      );
      const alive = capsuleRecord({ teamId, state: "stopped", stateChangedAt: 1 });
      for (const capsule of [...gone, alive]) await insertCapsule(store, capsule);
      assert.equal(await store.removeDestroyed(30, 1), 1);
      assert.equal(await store.removeDestroyed(30, 10), 1);
      assert.equal(await store.removeDestroyed(30, 10), 0);
      assert.deepEqual(await Promise.all([...gone, alive].map(async ({ id }) => (await store.find(id))?.id)), [
        undefined,
        undefined,
        gone[2]?.id,
        alive.id,
      ]);
      assert.equal((await store.list({ teamId, states: ["destroyed"], metadata: { a: "b" }, limit: 10, after: null })).length, 1);
    }));
}
