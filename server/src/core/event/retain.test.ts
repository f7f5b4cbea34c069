import assert from "node:assert/strict";
import test from "node:test";
import { KEPT, removeOld } from "./retain.ts";

interface Call {
  readonly kind: keyof typeof KEPT;
  readonly teamId: string;
  readonly before: number;
  readonly teamMax: number;
  readonly limit: number;
}

const NOW = 1_000 * 24 * 3600 * 1000;

/** Stores that have so many rows to remove of each team and kind. */
function storesWith(rows: number): { readonly calls: Call[]; readonly deps: Parameters<typeof removeOld>[0] } {
  const calls: Call[] = [];
  const left = new Map<string, number>();
  const remove =
    (kind: Call["kind"]) =>
    async (teamId: string, before: number, teamMax: number, limit: number): Promise<number> => {
      calls.push({ kind, teamId, before, teamMax, limit });
      const there = left.get(`${kind} ${teamId}`) ?? rows;
      const removed = Math.min(there, limit);
      left.set(`${kind} ${teamId}`, there - removed);
      return removed;
    };
  const deps = {
    clock: { now: () => NOW },
    events: { removeOld: remove("events") },
    processes: { removeEnded: remove("processes") },
    idempotency: { removeOld: remove("idempotencyKeys") },
    teams: async () => [{ id: "team-a" }, { id: "team-b" }],
  };
  return { calls, deps };
}

test("events, ended processes and keys of every team are kept for their time and up to their number, and no longer", async () => {
  const { calls, deps } = storesWith(0);
  assert.equal(await removeOld(deps), 0);
  const asked = calls.map(({ kind, teamId, before, teamMax }) => ({ kind, teamId, before, teamMax }));
  const expected = ["team-a", "team-b"].flatMap((teamId) =>
    (["events", "processes", "idempotencyKeys"] as const).map((kind) => ({
      kind,
      teamId,
      before: NOW - KEPT[kind].ms,
      teamMax: KEPT[kind].teamMax,
    })),
  );
  assert.deepEqual(asked, expected);
});

test("what is too much goes batch by batch until nothing is left, and a look ends whatever there is", async () => {
  const some = storesWith(2500);
  assert.equal(await removeOld(some.deps), 6 * 2500);
  assert.equal(some.calls.length, 6 * 3);
  const endless = storesWith(Number.MAX_SAFE_INTEGER);
  const removed = await removeOld(endless.deps);
  const batch = endless.calls[0]?.limit ?? 0;
  assert.equal(removed, endless.calls.length * batch);
  assert.ok(endless.calls.length <= 6 * 100, `${endless.calls.length} batches`);
});
