import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { effectsOf, NO_EFFECTS } from "../core/capsule/effects.ts";
import { CAPSULE_STATES } from "../core/capsule/state.ts";
import type { CapsuleListFilter } from "../core/capsule/store.ts";
import type { IdempotencyRecord } from "../core/idempotency/store.ts";
import type { NotificationRecord } from "../core/notification/record.ts";
import { unseenEndFacts } from "../core/process/unseen-end.ts";
import { createAccessStore } from "./access-store.ts";
import { createCapsuleStore } from "./capsule-store.ts";
import type { Database } from "./database.ts";
import { createEndpointStore } from "./endpoint-store.ts";
import { createEventStore } from "./event-store.ts";
import { createIdempotencyStore } from "./idempotency-store.ts";
import { createNotificationStore } from "./notification-store.ts";
import { createProcessStore } from "./process-store.ts";
import { openDatabase } from "./open.ts";
import { createRunStore } from "./run-store.ts";
import { capsuleRecord, endpointRecord, insertCapsule, keyRecord, runRecord, teamRecord } from "./testing/records.ts";

interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** The database with a note of every statement that goes through it. */
function recording(database: Database, statements: Statement[]): Database {
  const spy: Database["run"] = (work) =>
    database.run((db) =>
      work(
        db.withPlugin({
          transformQuery: ({ node }) => {
            const compiled = db.getExecutor().compileQuery(node, { queryId: "plan" });
            statements.push({ sql: compiled.sql, parameters: compiled.parameters });
            return node;
          },
          transformResult: async ({ result }) => result,
        }),
      ),
    );
  return { ...database, run: spy, transact: spy };
}

/** Every statement of the store's hot operations, with SQLite's plan of it. */
async function plansOf(path: string): Promise<Map<string, readonly { sql: string; steps: readonly string[] }[]>> {
  const database = await openDatabase({ kind: "sqlite", path }, 1000);
  const statements: Statement[] = [];
  const recorded = recording(database, statements);
  const [capsules, access] = [createCapsuleStore(recorded), createAccessStore(recorded)];
  const [events, processes, idempotency] = [createEventStore(recorded), createProcessStore(recorded), createIdempotencyStore(recorded)];
  const handle = { driver: "fake", version: 1, data: {} };
  const process = { id: "pr-a", pid: 7, tag: "web", cmd: "sleep", args: [], startedAt: 1 };
  const actor = { type: "api_key", id: "key-a" } as const;
  const end = unseenEndFacts({ reason: "agent_lost", requested: null });
  const team = teamRecord();
  const held = capsuleRecord({ teamId: team.id, state: "running", handle });
  const named: IdempotencyRecord = {
    teamId: team.id,
    keyHash: "k",
    request: "r",
    bodyHash: "b",
    sealedSeed: "s",
    holder: "a",
    leaseUntil: 1,
    sealedAnswer: null,
    createdAt: 1,
    finishedAt: null,
  };
  const [endpoints, runs] = [createEndpointStore(recorded), createRunStore(recorded)];
  const endpoint = endpointRecord({ teamId: team.id, name: "deploy" });
  const run = runRecord({ teamId: team.id, dedupe: "key/a", endpointId: endpoint.id });
  const notifications = createNotificationStore(recorded);
  const notification: NotificationRecord = {
    runId: run.id,
    teamId: team.id,
    endpointId: endpoint.id,
    url: "https://receiver.example/",
    status: "pending",
    attempts: 0,
    nextAttemptAt: 1,
    lastStatus: null,
    lastError: null,
    claimedUntil: null,
    createdAt: 1,
  };
  const runPage = { endpoint: null, status: null, source: null, limit: 10, cursor: `rs.run-${"0".repeat(25)}` };
  const key = keyRecord({ teamId: team.id });
  const capsule = capsuleRecord({ teamId: team.id });
  const page = (given: Partial<CapsuleListFilter>): Promise<unknown> =>
    capsules.list({ teamId: team.id, states: ["running", "paused"], metadata: {}, limit: 10, after: null, ...given });
  await access.insertTeam(team, key);
  await insertCapsule(capsules, capsule);
  await insertCapsule(capsules, held);
  const after = { createdAt: 1000, id: capsule.id };
  const operations: Record<string, () => Promise<unknown>> = {
    "capsule by id": () => capsules.find(capsule.id),
    transition: () => capsules.transition(capsule, "starting", {}, 2000, NO_EFFECTS),
    "first page": () => page({}),
    "later page": () => page({ after }),
    "page of one state": () => page({ states: ["running"], after }),
    "page with the destroyed": () => page({ states: [...CAPSULE_STATES], after }),
    "page by metadata": () => page({ metadata: { a: "b", c: "d" }, after }),
    "on a host": () => capsules.listOnHost("host-1", ["running", "paused"], 10),
    "count of a team": () => capsules.count(team.id, ["running", "paused"]),
    "count by state": () => capsules.countByState("host-1"),
    "destroyed capsules": () => capsules.removeDestroyed(1, 10),
    activity: () => capsules.recordActivity([{ id: capsule.id, lastActiveAt: 3 }]),
    "key by hash": () => access.findKeyByHash(key.hash),
    "key use": () => access.recordKeyUse([{ id: key.id, lastUsedAt: 3 }]),
    "keys of a team": () => access.listKeys(team.id),
    "new key": () => access.insertKey(keyRecord({ teamId: team.id }), 10),
    "removed key": () => access.removeKey(team.id, "key-none"),
    "own team": () => access.listTeams(team.id),
    "all teams": () => access.listTeams(null),
    "capsule by name": () => capsules.findNamed(team.id, "web"),
    "paused with its event": () => capsules.transition(capsule, "paused", {}, 2000, effectsOf(capsule, "stopped", {}, null, 2000)),
    "event page": () => events.list({ teamId: team.id, capsuleId: null, type: null, above: 0, below: 9, order: "desc", limit: 10 }),
    "event page of a capsule": () =>
      events.list({ teamId: team.id, capsuleId: capsule.id, type: null, above: 0, below: 9, order: "desc", limit: 10 }),
    "event page of a type": () =>
      events.list({ teamId: team.id, capsuleId: null, type: "capsule.created", above: 3, below: null, order: "asc", limit: 10 }),
    "events after": () => events.readAfter({ teamId: team.id, capsuleId: null, type: null }, 3, 10),
    "old events": () => events.removeOld(team.id, 10_000, 5, 10),
    "log batch": () =>
      processes.importLog({
        capsuleId: held.id,
        teamId: team.id,
        handle,
        entries: [
          { process, actor, end: null },
          { process, actor, end: { facts: end, endedAt: 5 } },
        ],
        cursor: 2,
      }),
    "process by tag": () => processes.find(capsule.id, "web"),
    "process by pid": () => processes.find(capsule.id, "7"),
    "old processes": () => processes.removeEnded(team.id, 10_000, 5, 10),
    "key claimed": () => idempotency.claim(named),
    "key taken over": () => idempotency.takeOver(named, "b", 2),
    "old keys": () => idempotency.removeOld(team.id, 10_000, 5, 10),
    "endpoint by name": () => endpoints.find(team.id, "deploy"),
    "endpoint by owner": () => endpoints.findPublished("alice", "deploy"),
    "endpoint page": () => endpoints.list(team.id, 10, "a"),
    "endpoints of a team": () => endpoints.count(team.id),
    "endpoint put": () => endpoints.apply(team.id, [{ kind: "put", record: endpoint, fromVersion: 0 }]),
    "endpoint deleted": () => endpoints.apply(team.id, [{ kind: "delete", id: "ep-none", fromVersion: 1 }]),
    "endpoints due": () => endpoints.listDue(10, 10),
    "endpoint claimed": () => endpoints.claimDue(endpoint.id, 1, 2),
    "run stored": () => runs.insert([{ run, input: { sealed: "s" } }]),
    "run saved": () => runs.save([{ run: { ...run, endedAt: 3 }, output: null }]),
    "run by id": () => runs.find(run.id),
    "run by name": () => runs.findByDedupe(endpoint.id, "key/a"),
    "run's output": () => runs.output(run.id),
    "run's input": () => runs.input(run.id),
    "run page": () => runs.list(team.id, runPage),
    "run page of an endpoint": () => runs.list(team.id, { ...runPage, endpoint: "deploy", status: "failed" }),
    "run page of a status": () => runs.list(team.id, { ...runPage, status: "failed" }),
    "run page of a source": () => runs.list(team.id, { ...runPage, source: "webhook" }),
    "run page of all": () => runs.list(team.id, { ...runPage, cursor: null }),
    "open runs": () => runs.listOpen("host-1"),
    "open run of an endpoint": () => runs.hasOpen(endpoint.id, "schedule"),
    "latest run": () => runs.latestEnded(endpoint.id),
    "old runs": () => runs.removeOld(team.id, { since: 10_000, runsMax: 5, bytesMax: 0 }, 10),
    "left capsules": () => runs.listLeftCapsules("host-1", 10),
    "notifications by run": () => notifications.find([run.id, "run-none"]),
    "notifications due": () => notifications.listDue(10, 10, { endpointIds: ["ep-x"], teamIds: ["team-x"] }),
    "notification claimed": () => notifications.claim(notification, 1, 2),
    "notification settled": () => notifications.settle(run.id, 2, notification),
  };
  const plans = new Map<string, readonly { sql: string; steps: readonly string[] }[]>();
  const reader = new DatabaseSync(path, { readOnly: true });
  try {
    for (const [name, run] of Object.entries(operations)) {
      statements.length = 0;
      await run();
      const explained = [...statements].map(({ sql, parameters }) => {
        const inputs = parameters.map((value) => (typeof value === "number" || typeof value === "string" ? value : null));
        const steps = reader.prepare(`explain query plan ${sql}`).all(...inputs);
        return { sql, steps: steps.map((step) => String(step["detail"])) };
      });
      plans.set(name, explained);
    }
  } finally {
    reader.close();
    await database.close();
  }
  return plans;
}

/** What reads a whole table or index that grows: `SCAN` of anything but a list of values, or of all teams where all are asked for. */
function fullScans(name: string, steps: readonly string[]): readonly string[] {
  const allowed =
    name === "all teams"
      ? /SCAN (teams USING INDEX teams_by_age|.*CONSTANT ROW|.*VALUES CLAUSE|given)/
      : /SCAN (.*CONSTANT ROW|.*VALUES CLAUSE|given)/;
  return steps.filter((step) => step.startsWith("SCAN") && !allowed.test(step));
}

test("no hot query reads a whole table, and a page is read in the order of its index without sorting", async () => {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-plan-"));
  try {
    const plans = await plansOf(join(directory, "plan.db"));
    assert.ok(plans.size >= 54);
    for (const [name, statements] of plans) {
      assert.ok(statements.length > 0, `${name}: no statement was seen`);
      for (const { sql, steps } of statements) {
        assert.deepEqual(fullScans(name, steps), [], `${name}: ${sql}\n${steps.join("\n")}`);
        if (/page/.test(name)) assert.ok(!steps.some((step) => /TEMP B-TREE/.test(step)), `${name} sorts: ${sql}\n${steps.join("\n")}`);
      }
    }
    const used = (name: string): string => (plans.get(name) ?? []).flatMap(({ steps }) => steps).join("\n");
    assert.match(used("first page"), /capsules_by_team_kept/);
    assert.match(used("page with the destroyed"), /capsules_by_team /);
    assert.match(used("later page"), /\(team_id=\? AND .*created_at/);
    assert.match(used("on a host"), /capsules_by_host_state/);
    assert.match(used("destroyed capsules"), /capsules_destroyed/);
    assert.match(used("open runs"), /runs_open/);
    assert.match(used("run page of an endpoint"), /runs_by_endpoint_name \(team_id=\? AND endpoint_name=\?/);
    for (const which of ["a status", "a source", "all"]) assert.match(used(`run page of ${which}`), /runs_of_team \(team_id=\?/);
    assert.match(used("old runs"), /COVERING INDEX runs_of_team/);
    assert.match(used("left capsules"), /capsules_by_host_state[^]*runs_by_own_capsule/);
    assert.match(used("page by metadata"), /SEARCH capsule_metadata .*\(capsule_id=\? AND key=\?\)/);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("the check itself finds a full scan", () => {
  assert.deepEqual(fullScans("x", ["SCAN capsules", "SEARCH teams USING INDEX y (id=?)"]), ["SCAN capsules"]);
});
