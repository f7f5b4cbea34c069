import assert from "node:assert/strict";
import { it } from "node:test";
import type { BuildEnd, BuildRecord, NumberedEntry } from "../../../core/build/record.ts";
import { createIds } from "../../../lib/node/ids.ts";
import { createAccessStore } from "../../access-store.ts";
import { createBuildStore } from "../../build-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { keyRecord, teamRecord } from "../records.ts";

const ids = createIds();

function record(teamId: string, given: Partial<BuildRecord> = {}): BuildRecord {
  return {
    id: ids.next("bd"),
    teamId,
    hostId: "host-1",
    templateId: ids.next("tp"),
    name: "t",
    state: "queued",
    step: null,
    steps: 2,
    cachedSteps: 0,
    reason: null,
    message: null,
    failure: null,
    capsuleId: ids.next("cl"),
    createdAt: 1000,
    startedAt: null,
    endedAt: null,
    ...given,
  };
}

const output = (seq: number, data: string): NumberedEntry => ({ seq, entry: { type: "output", step: 1, stream: "stdout", data } });
const failed: BuildEnd = {
  state: "failed",
  reason: "step_failed",
  message: "why\0",
  failure: { step: 1, command: "false", exitCode: 1, lastLines: "last\0" },
  endedAt: 3000,
};

/** What a store of builds must do on every engine. */
export function describeBuilds(openFresh: OpenFresh): void {
  it("a build changes until its end, which comes once, with the rest of its log before it", async () => {
    const database = await openFresh();
    try {
      const [team, other] = [teamRecord(), teamRecord()];
      for (const each of [team, other]) await createAccessStore(database).insertTeam(each, keyRecord({ teamId: each.id }));
      const builds = createBuildStore(database);
      const build = record(team.id);
      await builds.insert(build);
      assert.deepEqual(await builds.find(build.id), build);
      assert.deepEqual(await builds.list(other.id, 10), []);
      assert.deepEqual([await builds.countUnfinished(team.id), await builds.countUnfinished(other.id)], [1, 0]);
      await builds.change(build.id, { state: "building", step: 1, cachedSteps: 1, startedAt: 2000 });
      assert.deepEqual(await builds.listUnfinished("host-1"), [{ ...build, state: "building", step: 1, cachedSteps: 1, startedAt: 2000 }]);
      assert.deepEqual(await builds.listUnfinished("host-2"), []);
      await builds.appendLog(build.id, [output(1, "one\0"), output(2, "zwölf 🥊")]);
      // An answer that was lost is asked for again.
      assert.equal(await builds.conclude(build.id, failed, [output(2, "zwölf 🥊"), output(3, "three")]), true);
      assert.equal(await builds.conclude(build.id, { ...failed, state: "ready" }, []), false);
      await builds.change(build.id, { step: 9 });
      const ended = await builds.find(build.id);
      assert.deepEqual(
        [ended?.state, ended?.reason, ended?.step, ended?.failure, ended?.endedAt],
        ["failed", "step_failed", 1, failed.failure, 3000],
      );
      const log = await builds.readLog(build.id, 0, 10);
      assert.deepEqual(
        log.map(({ seq, entry }) => [seq, entry.type === "output" ? entry.data : entry.type]),
        [
          [1, "one\0"],
          [2, "zwölf 🥊"],
          [3, "three"],
          [4, "end"],
        ],
      );
      assert.deepEqual(await builds.readLog(build.id, 1, 2), log.slice(1, 3));
      assert.equal(await builds.countUnfinished(team.id), 0);
    } finally {
      await database.close();
    }
  });

  it("old builds go with their logs: those that ended long ago, and beyond what a team keeps; none that has no end", async () => {
    const database = await openFresh();
    try {
      const team = teamRecord();
      await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
      const builds = createBuildStore(database);
      const made = [1, 2, 3, 4].map((n) => record(team.id, { createdAt: n, name: `t${n}` }));
      for (const build of made) await builds.insert(build);
      for (const build of made.slice(1)) await builds.conclude(build.id, { ...failed, endedAt: build.createdAt * 1000 }, [output(1, "x")]);
      const names = async (): Promise<readonly string[]> => (await builds.list(team.id, 10)).map(({ name }) => name);
      assert.deepEqual(await names(), ["t4", "t3", "t2", "t1"]);
      assert.equal(await builds.removeOld(2001, 10), 1);
      assert.deepEqual(await names(), ["t4", "t3", "t1"]);
      assert.equal(await builds.removeOld(0, 1), 1);
      assert.deepEqual(await names(), ["t4", "t1"]);
      assert.deepEqual(await builds.readLog(made[1]?.id ?? "", 0, 10), []);
    } finally {
      await database.close();
    }
  });
}
