import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import type { CapsuleRecord } from "../../core/capsule/record.ts";
import { CAPSULE_STATES } from "../../core/capsule/state.ts";
import type { CapsuleStore } from "../../core/capsule/store.ts";
import type { CapsuleUpkeep } from "../../core/capsule/upkeep.ts";
import { createAccessStore } from "../access-store.ts";
import { createCapsuleStore } from "../capsule-store.ts";
import type { OpenFresh } from "../conformance.ts";
import { capsuleRecord, keyRecord, teamRecord } from "../testing/records.ts";

interface World {
  readonly store: CapsuleStore & CapsuleUpkeep;
  readonly teamId: string;
  readonly otherTeamId: string;
}

export function describeCapsuleStore(openFresh: OpenFresh): void {
  async function withStore(work: (world: World) => Promise<void>): Promise<void> {
    const database = await openFresh();
    try {
      const access = createAccessStore(database);
      const [team, other] = [teamRecord(), teamRecord()];
      for (const each of [team, other]) await access.insertTeam(each, keyRecord({ teamId: each.id }));
      await work({ store: createCapsuleStore(database), teamId: team.id, otherTeamId: other.id });
    } finally {
      await database.close();
    }
  }

  it("gives back every field as it was stored", () =>
    withStore(async ({ store, teamId }) => {
      const full = capsuleRecord({
        teamId,
        handle: { driver: "oci", version: 2, data: { pid: 17, dir: "a/b" } },
        state: "error",
        name: "naïve 'name'; --",
        metadata: { "we ird.key": "välue\u2028", __proto__x: "" },
        envNames: ["A", "B"],
        sealedEnvs: "v1.abc",
        hasDisk: true,
        reason: "boot_failed",
        message: "no room",
        startedAt: 1,
        lastActiveAt: 2,
        endedAt: 1_900_000_000_000,
      });
      const empty = capsuleRecord({ teamId });
      await store.insert(full);
      await store.insert(empty);
      assert.deepEqual(await store.find(full.id), full);
      assert.deepEqual(await store.find(empty.id), empty);
      assert.equal(await store.find("cl-none"), undefined);
    }));

  it("changes a row only from the expected state and version, and counts the version up", () =>
    withStore(async ({ store, teamId }) => {
      const capsule = capsuleRecord({ teamId });
      await store.insert(capsule);
      const started = await store.transition(capsule, "starting", { message: "a\0b" }, 2000);
      assert.deepEqual(started, { ...capsule, state: "starting", version: 2, stateChangedAt: 2000, message: "a\uFFFDb" });
      assert.equal(await store.transition(capsule, "starting", {}, 3000), undefined, "an old state and version");
      assert.equal(await store.transition({ ...capsule, state: "starting" }, "running", {}, 3000), undefined, "an old version");
      assert.equal(await store.transition({ ...capsule, version: 2 }, "running", {}, 3000), undefined, "another state");
      assert.deepEqual(await store.find(capsule.id), started);
    }));

  it("sets what a change names, also to null, leaves the rest, and moves the change's time with the state only", () =>
    withStore(async ({ store, teamId }) => {
      const handle = { driver: "fake", version: 1, data: { n: 1 } };
      const capsule = capsuleRecord({ teamId, state: "running", handle, reason: "stopped", message: "m", startedAt: 5 });
      await store.insert(capsule);
      const same = await store.transition(capsule, "running", { handle: null, reason: null, hasDisk: true, endedAt: 9, sealedSecret: "v1.new" }, 2000);
      assert.deepEqual(same, { ...capsule, version: 2, handle: null, reason: null, hasDisk: true, endedAt: 9, sealedSecret: "v1.new" });
    }));

  it("lets exactly one of many changes at once win", () =>
    withStore(async ({ store, teamId }) => {
      const capsule = capsuleRecord({ teamId, state: "running" });
      await store.insert(capsule);
      const changes = await Promise.all(Array.from({ length: 8 }, (_, index) => store.transition(capsule, "pausing", { message: `${index}` }, 2000)));
      const winners = changes.filter((change) => change !== undefined);
      assert.equal(winners.length, 1);
      assert.deepEqual(await store.find(capsule.id), winners[0]);
    }));

  it("lists one team's capsules of the asked states, newest first", () =>
    withStore(async ({ store, teamId, otherTeamId }) => {
      const old = capsuleRecord({ teamId, createdAt: 1 });
      const young = capsuleRecord({ teamId, createdAt: 2, state: "running" });
      const gone = capsuleRecord({ teamId, createdAt: 3, state: "destroyed" });
      for (const capsule of [old, young, gone, capsuleRecord({ teamId: otherTeamId })]) await store.insert(capsule);
      const ask = async (states: CapsuleRecord["state"][]): Promise<readonly string[]> =>
        (await store.list({ teamId, states, metadata: {}, limit: 10, after: null })).map((capsule) => capsule.id);
      assert.deepEqual(await ask([...CAPSULE_STATES]), [gone.id, young.id, old.id]);
      assert.deepEqual(await ask(["pending", "running"]), [young.id, old.id]);
      assert.deepEqual(await ask(["destroyed"]), [gone.id]);
      assert.deepEqual(await ask([]), []);
    }));

  it("filters by every pair of the metadata, whatever characters it has", () =>
    withStore(async ({ store, teamId }) => {
      const both = capsuleRecord({ teamId, metadata: { "a.b": "1", 'q"uote': "%_'" } });
      const one = capsuleRecord({ teamId, metadata: { "a.b": "1" } });
      for (const capsule of [both, one, capsuleRecord({ teamId, metadata: { a: "1" } })]) await store.insert(capsule);
      const ask = async (metadata: Record<string, string>): Promise<readonly string[]> =>
        (await store.list({ teamId, states: ["pending"], metadata, limit: 10, after: null })).map((capsule) => capsule.id).toSorted();
      assert.deepEqual(await ask({ "a.b": "1" }), [both.id, one.id].toSorted());
      assert.deepEqual(await ask({ "a.b": "1", 'q"uote': "%_'" }), [both.id]);
      assert.deepEqual(await ask({ "a.b": "2" }), []);
      assert.deepEqual(await ask({ "a.b": "1\0" }), []);
    }));

  it("shows every row exactly once over any pages, though many have the same time, while rows are added in front", () =>
    withStore(async ({ store, teamId }) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), async (times, limit) => {
          const template = capsuleRecord({ teamId }).id;
          const rows = times.map((createdAt) => capsuleRecord({ teamId, createdAt, metadata: { template } }));
          for (const row of rows) await store.insert(row);
          const seen: CapsuleRecord[] = [];
          let after: { createdAt: number; id: string } | null = null;
          for (;;) {
            const page: readonly CapsuleRecord[] = await store.list({ teamId, states: ["pending"], metadata: { template }, limit, after });
            assert.ok(page.length <= limit);
            seen.push(...page);
            const last = page.at(-1);
            if (last === undefined) break;
            after = { createdAt: last.createdAt, id: last.id };
            await store.insert(capsuleRecord({ teamId, createdAt: 9, metadata: { template } }));
          }
          const expected = rows.toSorted((left, right) => right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1));
          assert.deepEqual(
            seen.map((row) => row.id),
            expected.map((row) => row.id),
          );
        }),
        { numRuns: 15 },
      );
    }));

  it("lists a host's rows of the asked states, oldest change first", () =>
    withStore(async ({ store, teamId }) => {
      const late = capsuleRecord({ teamId, state: "running", stateChangedAt: 30 });
      const early = capsuleRecord({ teamId, state: "paused", stateChangedAt: 10 });
      const elsewhere = capsuleRecord({ teamId, state: "running", stateChangedAt: 5, hostId: "host-2" });
      for (const capsule of [late, early, elsewhere, capsuleRecord({ teamId, state: "destroyed" })]) await store.insert(capsule);
      assert.deepEqual(await store.listOnHost("host-1", ["running", "paused"], 10), [early, late]);
      assert.deepEqual(await store.listOnHost("host-1", ["running", "paused"], 1), [early]);
      assert.deepEqual(await store.listOnHost("host-1", [], 1), []);
    }));

  it("counts a team's capsules by state, and a host's for the metrics", () =>
    withStore(async ({ store, teamId, otherTeamId }) => {
      for (const state of ["running", "running", "paused", "destroyed"] as const) await store.insert(capsuleRecord({ teamId, state }));
      await store.insert(capsuleRecord({ teamId: otherTeamId, state: "running", hostId: "host-2" }));
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
      for (const row of rows) await store.insert(row);
      await store.recordActivity(rows.map(({ id }, index) => ({ id, lastActiveAt: 4000 + index })));
      await store.recordActivity([]);
      for (const [index, row] of rows.entries()) {
        const expected = Math.max(row.lastActiveAt ?? 0, 4000 + index);
        assert.deepEqual(await store.find(row.id), { ...row, lastActiveAt: expected });
      }
    }));

  it("forgets the longest destroyed capsules with their metadata, a batch at a time, and nothing else", () =>
    withStore(async ({ store, teamId }) => {
      const gone = [10, 20, 30].map((stateChangedAt) => capsuleRecord({ teamId, state: "destroyed", stateChangedAt, metadata: { a: "b" } }));
      const alive = capsuleRecord({ teamId, state: "stopped", stateChangedAt: 1 });
      for (const capsule of [...gone, alive]) await store.insert(capsule);
      assert.equal(await store.removeDestroyed(30, 1), 1);
      assert.equal(await store.removeDestroyed(30, 10), 1);
      assert.equal(await store.removeDestroyed(30, 10), 0);
      assert.deepEqual(
        await Promise.all([...gone, alive].map(async ({ id }) => (await store.find(id))?.id)),
        [undefined, undefined, gone[2]?.id, alive.id],
      );
      assert.equal((await store.list({ teamId, states: ["destroyed"], metadata: { a: "b" }, limit: 10, after: null })).length, 1);
    }));
}
