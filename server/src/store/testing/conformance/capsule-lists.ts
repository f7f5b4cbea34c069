import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import type { CapsuleRecord } from "../../../core/capsule/record.ts";
import { CAPSULE_STATES } from "../../../core/capsule/state.ts";
import { capsuleRecord, insertCapsule } from "../records.ts";
import type { WithCapsuleStore } from "./capsule-world.ts";

export function describeCapsuleLists(withStore: WithCapsuleStore): void {
  it("lists one team's capsules of the asked states, newest first", () =>
    withStore(async ({ store, teamId, otherTeamId }) => {
      const old = capsuleRecord({ teamId, createdAt: 1 });
      const young = capsuleRecord({ teamId, createdAt: 2, state: "running" });
      const gone = capsuleRecord({ teamId, createdAt: 3, state: "destroyed" });
      for (const capsule of [old, young, gone, capsuleRecord({ teamId: otherTeamId })]) await insertCapsule(store, capsule);
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
      for (const capsule of [both, one, capsuleRecord({ teamId, metadata: { a: "1" } })]) await insertCapsule(store, capsule);
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
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 12 }),
          fc.integer({ min: 1, max: 5 }),
          async (times, limit) => {
            const template = capsuleRecord({ teamId }).id;
            const rows = times.map((createdAt) => capsuleRecord({ teamId, createdAt, metadata: { template } }));
            for (const row of rows) await insertCapsule(store, row);
            const seen: CapsuleRecord[] = [];
            let after: { createdAt: number; id: string } | null = null;
            for (;;) {
              const page: readonly CapsuleRecord[] = await store.list({
                teamId,
                states: ["pending"],
                metadata: { template },
                limit,
                after,
              });
              assert.ok(page.length <= limit);
              seen.push(...page);
              const last = page.at(-1);
              if (last === undefined) break;
              after = { createdAt: last.createdAt, id: last.id };
              await insertCapsule(store, capsuleRecord({ teamId, createdAt: 9, metadata: { template } }));
            }
            const expected = rows.toSorted((left, right) => right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1));
            assert.deepEqual(
              seen.map((row) => row.id),
              expected.map((row) => row.id),
            );
          },
        ),
        { numRuns: 15 },
      );
    }));
}
