import assert from "node:assert/strict";
import { it } from "node:test";
import type { RunFilter } from "../../../core/run/service.ts";
import type { RunRecord } from "../../../core/run/record.ts";
import type { KeptRuns, RunStore, StoredOutput } from "../../../core/run/store.ts";
import type { RunUpkeep } from "../../../core/run/upkeep.ts";
import { createAccessStore } from "../../access-store.ts";
import { createCapsuleStore } from "../../capsule-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import type { Database } from "../../database.ts";
import { createRunStore } from "../../run-store.ts";
import { capsuleRecord, insertCapsule, keyRecord, runRecord, teamRecord } from "../records.ts";

interface RunWorld {
  readonly database: Database;
  readonly store: RunStore & RunUpkeep;
  readonly teamId: string;
  readonly otherTeamId: string;
}

const ALL: RunFilter = { endpoint: null, status: null, source: null, limit: 100, cursor: null };

function endOf(run: RunRecord, given: Partial<RunRecord> = {}): RunRecord {
  return { ...run, status: "succeeded", reason: "exited", exitCode: 0, startedAt: 1001, endedAt: 1005, durationMs: 4, ...given };
}

async function insertOne(store: RunStore, run: RunRecord, sealed: string | null = null): Promise<RunRecord | undefined> {
  return (await store.insert([{ run, input: sealed === null ? null : { sealed } }])).get(run.id);
}

export function describeRuns(openFresh: OpenFresh): void {
  const withWorld = (work: (world: RunWorld) => Promise<void>) => async (): Promise<void> => {
    const database = await openFresh();
    try {
      const access = createAccessStore(database);
      const [team, other] = [teamRecord(), teamRecord()];
      for (const each of [team, other]) await access.insertTeam(each, keyRecord({ teamId: each.id }));
      await work({ database, store: createRunStore(database), teamId: team.id, otherTeamId: other.id });
    } finally {
      await database.close();
    }
  };

  it(
    "gives a run back as it was saved, with whatever text is in it",
    withWorld(async ({ store, teamId }) => {
      const run = runRecord({ teamId, args: { a: "x\0y", n: 1.5, b: true }, error: "\ud800 \0", capsuleId: "cl-a", ownsCapsule: true });
      await store.save([{ run, output: null }]);
      assert.deepEqual(await store.find(run.id), { ...run, error: "\ud800 \0" });
      const end = endOf(run, { args: null, signal: "SIGKILL", exitCode: 137, stdoutBytes: 2 ** 40 });
      await store.save([{ run: end, output: { kind: "inline", packed: Uint8Array.of(0, 1, 255) } }]);
      assert.deepEqual(await store.find(run.id), end);
      const kept = await store.output(run.id);
      assert.ok(kept.kind === "inline");
      assert.deepEqual([...kept.packed], [0, 1, 255]);
      for (const id of ["run-none", "a\0b", ""]) {
        assert.equal(await store.find(id), undefined);
        assert.deepEqual(await store.output(id.replaceAll("\0", "")), { kind: "none" });
      }
    }),
  );

  it(
    "never changes a run that has ended, and stores many at once",
    withWorld(async ({ store, teamId }) => {
      const runs = Array.from({ length: 150 }, () => runRecord({ teamId }));
      await store.save(runs.map((run) => ({ run, output: null })));
      await store.save(runs.map((run) => ({ run: endOf(run), output: { kind: "file", hostId: run.hostId, bytes: 5 } as const })));
      await store.save(runs.map((run) => ({ run: endOf(run, { status: "failed", exitCode: 1 }), output: null })));
      for (const run of runs.slice(0, 5)) {
        assert.deepEqual(await store.find(run.id), endOf(run));
        assert.deepEqual(await store.output(run.id), { kind: "file", hostId: "host-1", bytes: 5 });
      }
      assert.equal((await store.list(teamId, { ...ALL, limit: 1000, status: "succeeded" })).items.length, 150);
    }),
  );

  it(
    "stores a named run once: of many that come at once one is new, and the others get it",
    withWorld(async ({ store, teamId }) => {
      const runs = Array.from({ length: 8 }, () => runRecord({ teamId, dedupe: "key/\0a", fingerprint: "f" }));
      const holders = await Promise.all(runs.map((run) => insertOne(store, run, `input of ${run.id}`)));
      const [first, ...more] = runs.filter((_, index) => holders[index] === undefined);
      assert.ok(first !== undefined && more.length === 0);
      assert.deepEqual(new Set(holders.map((holder) => holder?.id)), new Set([undefined, first.id]));
      assert.equal((await store.findByDedupe("ep-a", "key/\0a"))?.id, first.id);
      assert.equal(await store.findByDedupe("ep-b", "key/\0a"), undefined);
      assert.deepEqual(await store.input(first.id), { sealed: `input of ${first.id}` });
      assert.equal(await insertOne(store, runRecord({ teamId, endpointId: "ep-b", dedupe: "key/\0a" })), undefined);
      const together = [runRecord({ teamId, dedupe: "b" }), runRecord({ teamId, dedupe: "b" }), runRecord({ teamId })];
      const taken = await store.insert(together.map((run) => ({ run, input: null })));
      assert.deepEqual(
        [...taken].map(([id, holder]) => [id, holder.id]),
        [[together[1]?.id, together[0]?.id]],
      );
    }),
  );

  it(
    "drops a run's input with its end",
    withWorld(async ({ store, teamId }) => {
      const run = runRecord({ teamId, status: "queued", deadlineAt: 5000 });
      await insertOne(store, run, "sealed");
      await store.save([{ run: { ...run, status: "running" }, output: null }]);
      assert.deepEqual(await store.input(run.id), { sealed: "sealed" });
      await store.save([{ run: endOf(run), output: null }]);
      assert.equal(await store.input(run.id), undefined);
    }),
  );

  it(
    "stores a notification with its run's end, once",
    withWorld(async ({ database, store, teamId }) => {
      const run = runRecord({ teamId });
      const notification = { runId: run.id, teamId, endpointId: run.endpointId, url: "https://a.example/", createdAt: 1005 };
      await store.save([{ run: endOf(run), output: null, notification }]);
      await store.save([{ run: endOf(run), output: null, notification: { ...notification, url: "https://b.example/" } }]);
      const missed = runRecord({ teamId, status: "missed", endedAt: 1 });
      await store.insert([{ run: missed, input: null, notification: { ...notification, runId: missed.id } }]);
      const rows = await database.run((db) => db.selectFrom("notifications").selectAll().orderBy("url").execute());
      assert.deepEqual(
        new Map(rows.map(({ run_id, url, status, next_attempt_at }) => [run_id, [url, status, next_attempt_at]])),
        new Map([run.id, missed.id].map((id) => [id, ["https://a.example/", "pending", 1005]])),
      );
    }),
  );

  it(
    "lists a team's runs newest first, page by page, by endpoint, status and source",
    withWorld(async ({ store, teamId, otherTeamId }) => {
      const runs = Array.from({ length: 7 }, (_, index) =>
        runRecord({
          teamId,
          createdAt: 1000 + Math.floor(index / 2),
          endpointName: index % 2 === 0 ? "even" : "odd",
          source: index === 3 ? "schedule" : "api",
        }),
      );
      await store.save([...runs, runRecord({ teamId: otherTeamId })].map((run) => ({ run, output: null })));
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<RunStore["list"]>> = await store.list(teamId, { ...ALL, limit: 2, cursor });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      const newest = runs.toSorted((left, right) => right.createdAt - left.createdAt || (left.id < right.id ? 1 : -1));
      assert.deepEqual(
        seen,
        newest.map(({ id }) => id),
      );
      assert.equal((await store.list(teamId, { ...ALL, endpoint: "odd" })).items.length, 3);
      assert.equal((await store.list(teamId, { ...ALL, endpoint: "a\0" })).items.length, 0);
      assert.equal((await store.list(teamId, { ...ALL, source: "schedule" })).items.length, 1);
      assert.equal((await store.list(teamId, { ...ALL, status: "queued" })).items.length, 0);
      for (const bad of ["x", "1.run-1", `zz.${"run-"}${"0".repeat(24)}`])
        await assert.rejects(store.list(teamId, { ...ALL, cursor: bad }), { code: "invalid_request" });
    }),
  );

  it(
    "gives a host's open runs, the oldest first, and an endpoint's latest ended one",
    withWorld(async ({ store, teamId }) => {
      const [late, early, done, newer, foreign] = [
        runRecord({ teamId, createdAt: 30 }),
        runRecord({ teamId, createdAt: 10, status: "queued" }),
        endOf(runRecord({ teamId, createdAt: 20 })),
        endOf(runRecord({ teamId, createdAt: 25 })),
        runRecord({ teamId, hostId: "host-2" }),
      ];
      await store.save([late, early, done, newer, foreign].map((run) => ({ run, output: null })));
      assert.deepEqual(
        (await store.listOpen("host-1")).map(({ id }) => id),
        [early.id, late.id],
      );
      assert.equal((await store.latestEnded("ep-a"))?.id, newer.id);
      assert.equal(await store.latestEnded("ep-none"), undefined);
    }),
  );

  it(
    "removes the oldest ended runs of a team whose outputs are too large together, those in rows and those in files alike",
    withWorld(async ({ store, teamId, otherTeamId }) => {
      const ended = (createdAt: number, team = teamId): RunRecord => endOf(runRecord({ teamId: team, createdAt }));
      const runs = [10, 20, 30, 40, 50].map((createdAt) => ended(createdAt));
      const foreign = ended(5, otherTeamId);
      const file = { kind: "file", hostId: "host-1", bytes: 1_000_000 } as const;
      const inline = { kind: "inline", packed: new Uint8Array(1000) } as const;
      const none = { kind: "none" } as const;
      const outputs: readonly StoredOutput[] = [file, inline, none, inline, inline];
      await store.save([
        ...runs.map((run, index) => ({ run, output: outputs[index] ?? none })),
        { run: foreign, output: { ...file, bytes: 9_000_000 } },
      ]);
      const keeping = (bytesMax: number) => store.removeOld(teamId, { since: 0, runsMax: 100, bytesMax }, 10);
      assert.deepEqual(await keeping(1_003_000), { removed: 0, files: [] });
      assert.deepEqual(await keeping(1_002_999), { removed: 1, files: [runs[0]?.id] });
      assert.deepEqual(await keeping(3000), { removed: 0, files: [] });
      assert.deepEqual(await keeping(2999), { removed: 1, files: [] });
      assert.deepEqual(await keeping(1000), { removed: 2, files: [] });
      assert.deepEqual(
        (await store.list(teamId, ALL)).items.map(({ id }) => id),
        [runs[4]?.id],
      );
      assert.deepEqual(await keeping(0), { removed: 1, files: [] });
      assert.notEqual(await store.find(foreign.id), undefined);
    }),
  );

  it(
    "removes ended runs that are too old or too many of a team, says whose output is a file, and removes nothing that runs",
    withWorld(async ({ store, teamId, otherTeamId }) => {
      const ended = (createdAt: number): RunRecord => endOf(runRecord({ teamId, createdAt }), { endedAt: createdAt + 1 });
      const runs = [10, 20, 30, 40].map(ended);
      const open = runRecord({ teamId, createdAt: 1 });
      const file = { kind: "file", hostId: "host-1", bytes: 9 } as const;
      await store.save([{ run: open, output: null }, ...runs.map((run, index) => ({ run, output: index === 1 ? file : null }))]);
      const all: KeptRuns = { since: 0, runsMax: 100, bytesMax: Number.MAX_SAFE_INTEGER };
      assert.deepEqual(await store.removeOld(teamId, { ...all, since: 15 }, 10), { removed: 1, files: [] });
      assert.deepEqual(await store.removeOld(teamId, { ...all, runsMax: 1 }, 10), { removed: 2, files: [runs[1]?.id] });
      assert.deepEqual(await store.removeOld(otherTeamId, { since: 1000, runsMax: 0, bytesMax: 0 }, 10), { removed: 0, files: [] });
      const left = await Promise.all([open, ...runs].map(({ id }) => store.find(id)));
      assert.deepEqual(
        left.map((run) => run !== undefined),
        [true, false, false, false, true],
      );
    }),
  );

  it(
    "finds capsules that an ended run has left behind, and no others",
    withWorld(async ({ database, store, teamId }) => {
      const capsules = createCapsuleStore(database);
      const add = async (state: "running" | "destroyed", hostId = "host-1"): Promise<string> => {
        const record = capsuleRecord({ teamId, state, hostId });
        await insertCapsule(capsules, record);
        return record.id;
      };
      const [left, gone, busy, lent, away] = [
        await add("running"),
        await add("destroyed"),
        await add("running"),
        await add("running"),
        await add("running", "host-2"),
      ];
      await store.save([
        ...[left, gone, away].map((capsuleId) => ({ run: endOf(runRecord({ teamId, capsuleId, ownsCapsule: true })), output: null })),
        { run: runRecord({ teamId, capsuleId: busy, ownsCapsule: true }), output: null },
        { run: endOf(runRecord({ teamId, capsuleId: lent })), output: null },
      ]);
      assert.deepEqual(await store.listLeftCapsules("host-1", 10), [left]);
    }),
  );
}
