import assert from "node:assert/strict";
import { it } from "node:test";
import type { NotificationRecord } from "../../../core/notification/record.ts";
import type { NotificationStore } from "../../../core/notification/store.ts";
import type { RunRecord } from "../../../core/run/record.ts";
import type { RunStore } from "../../../core/run/store.ts";
import type { RunUpkeep } from "../../../core/run/upkeep.ts";
import { createAccessStore } from "../../access-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { createNotificationStore } from "../../notification-store.ts";
import { createRunStore } from "../../run-store.ts";
import { keyRecord, runRecord, teamRecord } from "../records.ts";

interface NotificationWorld {
  readonly store: NotificationStore;
  readonly runs: RunStore & RunUpkeep;
  readonly teamId: string;
  readonly otherTeamId: string;
  /** A stored ended run with a notification that is due when the run ended. */
  notified(endedAt: number, given?: Partial<RunRecord>, url?: string): Promise<NotificationRecord>;
}

const NONE = { endpointIds: [], teamIds: [] };
const DELIVERED = { status: "delivered", attempts: 1, nextAttemptAt: null, lastStatus: 200, lastError: null } as const;

export function describeNotifications(openFresh: OpenFresh): void {
  const withWorld = (work: (world: NotificationWorld) => Promise<void>) => async (): Promise<void> => {
    const database = await openFresh();
    try {
      const access = createAccessStore(database);
      const [team, other] = [teamRecord(), teamRecord()];
      for (const each of [team, other]) await access.insertTeam(each, keyRecord({ teamId: each.id }));
      const [store, runs] = [createNotificationStore(database), createRunStore(database)];
      const notified: NotificationWorld["notified"] = async (endedAt, given = {}, url = "https://receiver.example/a") => {
        const run = runRecord({ teamId: team.id, status: "succeeded", endedAt, ...given });
        const { id: runId, teamId, endpointId } = run;
        await runs.save([{ run, output: null, notification: { runId, teamId, endpointId, url, createdAt: endedAt } }]);
        const made = (await store.find([runId])).get(runId);
        assert.ok(made !== undefined);
        return made;
      };
      await work({ store, runs, teamId: team.id, otherTeamId: other.id, notified });
    } finally {
      await database.close();
    }
  };

  it(
    "keeps a notification with its run's end, once, and none without one",
    withWorld(async ({ store, runs, teamId, notified }) => {
      const made = await notified(50);
      const { runId, url } = made;
      assert.deepEqual(made, {
        runId,
        teamId,
        endpointId: "ep-a",
        url,
        status: "pending",
        attempts: 0,
        nextAttemptAt: 50,
        lastStatus: null,
        lastError: null,
        claimedUntil: null,
        createdAt: 50,
      });
      const again = { runId, teamId, endpointId: "ep-a", url: "https://other.example/", createdAt: 99 };
      await runs.save([{ run: runRecord({ id: runId, teamId, endedAt: 50 }), output: null, notification: again }]);
      assert.deepEqual((await store.find([runId])).get(runId), made);
      const plain = runRecord({ teamId, endedAt: 60 });
      await runs.save([{ run: plain, output: null }]);
      const missed = runRecord({ teamId, status: "missed", endedAt: 70, dedupe: "due/x" });
      const draft = { runId: missed.id, teamId, endpointId: "ep-a", url, createdAt: 70 };
      await runs.insert([{ run: missed, input: null, notification: draft }]);
      const twice = { ...missed, id: runRecord({ teamId }).id };
      await runs.insert([{ run: twice, input: null, notification: { ...draft, runId: twice.id } }]);
      const found = await store.find([plain.id, twice.id, missed.id, "run-none", runId]);
      assert.deepEqual([...found.keys()].toSorted(), [missed.id, runId].toSorted());
      assert.deepEqual(await store.find([]), new Map());
    }),
  );

  it(
    "lists what is due and nobody's, the longest due first, without endpoints and teams that are left out",
    withWorld(async ({ store, otherTeamId, notified }) => {
      const late = await notified(300);
      const first = await notified(100, { endpointId: "ep-b" });
      const second = await notified(200);
      const foreign = await notified(150, { teamId: otherTeamId, endpointId: "ep-c" });
      const ids = async (
        now: number,
        limit = 10,
        without: Parameters<NotificationStore["listDue"]>[2] = NONE,
      ): Promise<readonly string[]> => (await store.listDue(now, limit, without)).map(({ runId }) => runId);
      assert.deepEqual(await ids(99), []);
      assert.deepEqual(await ids(250), [first.runId, foreign.runId, second.runId]);
      assert.deepEqual(await ids(300, 10, { endpointIds: ["ep-b", "ep-x"], teamIds: [] }), [foreign.runId, second.runId, late.runId]);
      assert.deepEqual(await ids(300, 1, { endpointIds: ["ep-b"], teamIds: [otherTeamId] }), [second.runId]);
      assert.equal(await store.claim(first, 250, 400), true);
      assert.deepEqual(await ids(399), [foreign.runId, second.runId, late.runId]);
      assert.deepEqual(await ids(400, 1), [first.runId], "a claim that ran out is nobody's");
    }),
  );

  it(
    "is claimed by one of many at once, and settled by whoever claimed it last",
    withWorld(async ({ store, notified }) => {
      const seen = await notified(50);
      const claims = await Promise.all(Array.from({ length: 6 }, (_, index) => store.claim(seen, 100, 1000 + index)));
      assert.equal(claims.filter(Boolean).length, 1);
      const first = 1000 + claims.indexOf(true);
      assert.equal(await store.claim(seen, first, 5000), true, "the first claim ran out");
      assert.equal(await store.settle(seen.runId, first, DELIVERED), false);
      const retry = { status: "pending", attempts: 1, nextAttemptAt: 9000, lastStatus: 503, lastError: "It answered 503.\0" } as const;
      assert.equal(await store.settle(seen.runId, 5000, retry), true);
      const found = (await store.find([seen.runId])).get(seen.runId);
      assert.deepEqual(found, { ...seen, ...retry, lastError: "It answered 503.\uFFFD", claimedUntil: null });
      assert.equal(await store.claim(seen, 9500, 9900), false, "it is not as it was seen");
      assert.ok(found !== undefined);
      assert.equal(await store.claim(found, 9500, 9900), true);
      assert.equal(await store.settle(seen.runId, 9900, { ...DELIVERED, attempts: 2 }), true);
      assert.deepEqual(await store.listDue(99_999, 10, NONE), []);
      assert.equal(await store.claim(found, 99_999, 100_000), false);
    }),
  );

  it(
    "stops an endpoint's pending ones for a URL, but none that is under way or another's",
    withWorld(async ({ store, notified }) => {
      const [one, busy, other, elsewhere] = [
        await notified(10),
        await notified(11),
        await notified(12, { endpointId: "ep-b" }),
        await notified(13, {}, "https://receiver.example/b"),
      ];
      await store.claim(busy, 20, 500);
      assert.equal(await store.stop("ep-a", "https://receiver.example/a", 30, "gone"), 1);
      const found = await store.find([one.runId, busy.runId, other.runId, elsewhere.runId]);
      assert.deepEqual(
        [one, busy, other, elsewhere].map(({ runId }) => found.get(runId)?.status),
        ["failed", "pending", "pending", "pending"],
      );
      assert.equal(found.get(one.runId)?.lastError, "gone");
    }),
  );

  it(
    "goes with its run",
    withWorld(async ({ store, runs, teamId, notified }) => {
      const made = await notified(50);
      assert.deepEqual(await runs.removeOld(teamId, { since: 10_000, runsMax: 100, bytesMax: Number.MAX_SAFE_INTEGER }, 10), {
        removed: 1,
        files: [],
      });
      assert.equal((await store.find([made.runId])).size, 0);
    }),
  );

  it(
    "knows whether a run of an endpoint and a source has not ended",
    withWorld(async ({ runs, teamId }) => {
      const run = runRecord({ teamId, source: "schedule", endpointId: "ep-a" });
      await runs.insert([{ run, input: null }]);
      assert.equal(await runs.hasOpen("ep-a", "schedule"), true);
      assert.equal(await runs.hasOpen("ep-a", "api"), false);
      assert.equal(await runs.hasOpen("ep-b", "schedule"), false);
      await runs.save([{ run: { ...run, status: "failed", endedAt: 9 }, output: null }]);
      assert.equal(await runs.hasOpen("ep-a", "schedule"), false);
    }),
  );
}
