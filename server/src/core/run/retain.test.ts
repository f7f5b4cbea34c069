import assert from "node:assert/strict";
import { test } from "node:test";
import { runRecord } from "../../store/testing/records.ts";
import { removeOldRuns, RunFileSweep } from "./retain.ts";

/** Files of this host, and runs of the store, by id. */
function world(files: readonly string[], rows: readonly string[]) {
  const there = new Set(files);
  const known = new Set(rows);
  return {
    there,
    known,
    files: {
      list: async () => [...there],
      async remove(id: string) {
        there.delete(id);
      },
    },
    runs: {
      async find(id: string) {
        assert.ok(!known.has("down"), "the database is gone");
        return known.has(id) ? runRecord({ id, teamId: "team-1" }) : undefined;
      },
    },
  };
}

test("removes runs of every team batch by batch, and their files with them", async () => {
  const { files, there } = world(["run-a", "run-b", "run-c"], []);
  const left = new Map([
    ["team-1", 1200],
    ["team-2", 3],
  ]);
  const asked: unknown[] = [];
  const removed = await removeOldRuns({
    clock: { now: () => 100_000 },
    files,
    teams: async () => [{ id: "team-1" }, { id: "team-2" }],
    kept: { ms: 40_000, teamMax: 10, teamBytesMax: 5000 },
    runs: {
      async removeOld(teamId, kept, batch) {
        asked.push([teamId, kept]);
        const count = Math.min(batch, left.get(teamId) ?? 0);
        left.set(teamId, (left.get(teamId) ?? 0) - count);
        return { removed: count, files: teamId === "team-2" ? ["run-a", "run-c", "run-of-another-host"] : [] };
      },
    },
  });
  assert.equal(removed, 1203);
  assert.deepEqual([...left.values()], [0, 0]);
  assert.deepEqual(asked[0], ["team-1", { since: 60_000, runsMax: 10, bytesMax: 5000 }]);
  assert.deepEqual([...there], ["run-b"]);
});

test("sweeps files without a run, but not one whose run is only just being written", async () => {
  const { files, runs, there, known } = world(["run-a", "run-b", "run-c"], ["run-a"]);
  const sweep = new RunFileSweep({ runs, files });
  assert.equal(await sweep.tick(), 0, "seen without a row once");
  known.add("run-c");
  assert.equal(await sweep.tick(), 1);
  assert.deepEqual([...there], ["run-a", "run-c"]);
  known.delete("run-c");
  assert.equal(await sweep.tick(), 0, "what had a row in between is looked at afresh");
  assert.equal(await sweep.tick(), 1);
});

test("removes nothing while the store does not answer, and looks at all of many files in turn", async () => {
  const names = Array.from({ length: 2500 }, (_, index) => `run-${String(index).padStart(5, "0")}`);
  const { files, runs, there, known } = world(names, ["down"]);
  const sweep = new RunFileSweep({ runs, files });
  await assert.rejects(sweep.tick());
  known.delete("down");
  let removed = 0;
  for (let ticks = 0; ticks < 6; ticks += 1) removed += await sweep.tick();
  assert.equal(removed, 2500);
  assert.equal(there.size, 0);
});
