import assert from "node:assert/strict";
import { test } from "node:test";
import { cronSchedules } from "../../cron/schedules.ts";
import { createIds } from "../../lib/node/ids.ts";
import { createAccessStore } from "../../store/access-store.ts";
import type { Database } from "../../store/database.ts";
import { createEndpointStore } from "../../store/endpoint-store.ts";
import { createNotificationStore } from "../../store/notification-store.ts";
import { openDatabase } from "../../store/open.ts";
import { createRunStore } from "../../store/run-store.ts";
import { endpointRecord, keyRecord, runRecord, teamRecord } from "../../store/testing/records.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import type { EndpointRecord } from "../endpoint/record.ts";
import { fail } from "../fail.ts";
import type { RunRecord } from "../run/record.ts";
import type { RunRequest } from "../run/service.ts";
import type { ScheduleDeps } from "./run-due.ts";
import { MISSED_MAX, runDue } from "./run-due.ts";

const NOON = Date.UTC(2026, 0, 1, 12);
const MINUTE = 60_000;

interface World {
  readonly deps: ScheduleDeps;
  readonly notifications: ReturnType<typeof createNotificationStore>;
  /** Starts that reached the service, also those that it refused. */
  readonly started: RunRequest[];
  at(now: number): void;
  /** What the service does instead of starting. */
  refuse(error: unknown): void;
  endpoint(schedule: string, nextRunAt: number, given?: Partial<EndpointRecord["definition"]>): Promise<EndpointRecord>;
  nextRunAt(endpoint: EndpointRecord): Promise<number | null | undefined>;
  /** Runs of the endpoint, the first time first, as `<status> <reason> <time>`. */
  runs(endpoint: EndpointRecord): Promise<readonly string[]>;
  end(endpoint: EndpointRecord): Promise<void>;
}

/** The scheduler on a real store, with a clock that is moved by hand and a service that only stores what it starts. */
async function withWorld(work: (world: World) => Promise<void>): Promise<void> {
  const database: Database = await openDatabase({ kind: "sqlite", path: ":memory:" }, 1000);
  const team = teamRecord();
  await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
  const [endpoints, runs] = [createEndpointStore(database), createRunStore(database)];
  const started: RunRequest[] = [];
  let now = NOON;
  let refusal: unknown = null;
  const list = async (name: string): Promise<readonly RunRecord[]> =>
    (await runs.list(team.id, { endpoint: name, status: null, source: "schedule", limit: 1000, cursor: null })).items.toReversed();
  const deps: ScheduleDeps = {
    clock: { now: () => now },
    ids: createIds(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    hostId: "host-1",
    schedules: cronSchedules,
    endpoints,
    runs,
    service: {
      async start(request) {
        started.push(request);
        if (refusal !== null) throw refusal;
        const { endpoint, dedupe, source } = request;
        const run = runRecord({
          teamId: team.id,
          endpointId: endpoint.id,
          endpointName: endpoint.name,
          source,
          dedupe: dedupe?.name ?? null,
          createdAt: now,
        });
        const holder = (await runs.insert([{ run, input: null }])).get(run.id);
        const read = (): never => assert.fail("nobody reads");
        return { run: holder ?? run, isNew: holder === undefined, read, ended: new Promise(() => {}) };
      },
    },
    prepare: () => ({ args: {}, invocation: { cmd: "true", args: [], env: {} } }),
  };
  try {
    await work({
      deps,
      notifications: createNotificationStore(database),
      started,
      at(time) {
        now = time;
      },
      refuse(error) {
        refusal = error;
      },
      async endpoint(schedule, nextRunAt, given = {}) {
        const plain = endpointRecord({ teamId: team.id, nextRunAt });
        const record = { ...plain, definition: { ...plain.definition, schedule, ...given } };
        assert.ok(await endpoints.apply(team.id, [{ kind: "put", record, fromVersion: 0 }]));
        return record;
      },
      nextRunAt: async ({ id }) => (await endpoints.get(id))?.nextRunAt,
      runs: async ({ name }) =>
        (await list(name)).map(
          (run) => `${run.status} ${run.reason ?? "-"} ${run.dedupe?.replace("due/2026-01-", "").replace(":00.000Z", "")}`,
        ),
      async end({ name }) {
        for (const run of await list(name))
          if (run.endedAt === null) await runs.save([{ run: { ...run, status: "succeeded", endedAt: now }, output: null }]);
      },
    });
  } finally {
    await database.close();
  }
}

test("starts what is due in the second in which it is, once, and nothing before", () =>
  withWorld(async ({ deps, started, at, endpoint, nextRunAt, runs }) => {
    const due = await endpoint("*/5 * * * *", NOON);
    at(NOON - 1);
    assert.equal(await runDue(deps), 0);
    at(NOON);
    assert.equal(await runDue(deps), 1);
    assert.equal(await runDue(deps), 0);
    assert.equal(await nextRunAt(due), NOON + 5 * MINUTE);
    assert.deepEqual(await runs(due), ["running - 01T12:00"]);
    const [request] = started;
    assert.ok(request !== undefined && started.length === 1);
    const { source, mode, keyId, stdin, dedupe } = request;
    const name = "due/2026-01-01T12:00:00.000Z";
    assert.deepEqual(
      { source, mode, keyId, stdin, dedupe },
      { source: "schedule", mode: "async", keyId: null, stdin: null, dedupe: { name, fingerprint: name } },
    );
  }));

test("runs a time that is up to a minute past, and records one that is longer past as missed", () =>
  withWorld(async ({ deps, at, endpoint, nextRunAt, runs }) => {
    const [late, missed] = [await endpoint("0 12 * * *", NOON), await endpoint("0 12 * * *", NOON)];
    at(NOON + MINUTE);
    const [{ id }] = [late];
    await runDue({
      ...deps,
      endpoints: {
        ...deps.endpoints,
        listDue: async (now, limit) => (await deps.endpoints.listDue(now, limit)).filter((each) => each.id === id),
      },
    });
    assert.deepEqual(await runs(late), ["running - 01T12:00"]);
    at(NOON + MINUTE + 1);
    await runDue(deps);
    assert.deepEqual(await runs(missed), ["missed missed 01T12:00"]);
    assert.equal(await nextRunAt(missed), NOON + 24 * 60 * MINUTE);
  }));

test("records each time that passed while no server ran, and then runs the one that is due", () =>
  withWorld(async ({ deps, at, endpoint, nextRunAt, runs }) => {
    const every = await endpoint("* * * * *", NOON, { notify_url: "https://receiver.example/", overlap: true });
    at(NOON + 3 * MINUTE + 20_000);
    await runDue(deps);
    assert.deepEqual(await runs(every), ["missed missed 01T12:00", "missed missed 01T12:01", "missed missed 01T12:02"]);
    await runDue(deps);
    assert.equal((await runs(every)).at(-1), "running - 01T12:03");
    assert.equal(await nextRunAt(every), NOON + 4 * MINUTE);
  }));

test("records a bounded number of missed times and passes over the rest", () =>
  withWorld(async ({ deps, at, endpoint, nextRunAt, runs, started }) => {
    const every = await endpoint("* * * * *", NOON);
    const year = 365 * 24 * 60 * MINUTE;
    at(NOON + year + 30_000);
    await runDue(deps);
    const recorded = await runs(every);
    assert.equal(recorded.length, MISSED_MAX);
    assert.equal(recorded.at(-1), "missed missed 01T13:39");
    assert.equal(await nextRunAt(every), NOON + year);
    assert.equal(started.length, 0);
    await runDue(deps);
    assert.equal(started.length, 1);
  }));

test("does not start a run while the scheduled one before is under way, unless it may", () =>
  withWorld(async ({ deps, at, endpoint, end, runs }) => {
    const [alone, beside] = [await endpoint("* * * * *", NOON), await endpoint("* * * * *", NOON, { overlap: true })];
    for (const minute of [0, 1]) {
      at(NOON + minute * MINUTE);
      await runDue(deps);
    }
    assert.deepEqual(await runs(alone), ["running - 01T12:00", "missed overlapped 01T12:01"]);
    assert.deepEqual(await runs(beside), ["running - 01T12:00", "running - 01T12:01"]);
    await end(alone);
    at(NOON + 2 * MINUTE);
    await runDue(deps);
    assert.equal((await runs(alone)).at(-1), "running - 01T12:02");
  }));

test("a server that dies before the endpoint moves on starts the same run again, not another, nor calls it overlapped", () =>
  withWorld(async ({ deps, endpoint, nextRunAt, runs }) => {
    const [alone, beside] = [await endpoint("* * * * *", NOON), await endpoint("* * * * *", NOON, { overlap: true })];
    const died: ScheduleDeps = {
      ...deps,
      endpoints: { ...deps.endpoints, claimDue: () => Promise.reject(new StoreUnavailableError("gone")) },
    };
    assert.equal(await runDue(died), 0);
    assert.equal(await runDue(deps), 2);
    for (const each of [alone, beside]) {
      assert.deepEqual(await runs(each), ["running - 01T12:00"]);
      assert.equal(await nextRunAt(each), NOON + MINUTE);
    }
  }));

test("of several servers that see the same time, one run comes and one of them moves the endpoint on", () =>
  withWorld(async ({ deps, at, endpoint, runs }) => {
    const due = await endpoint("* * * * *", NOON);
    const moved = await Promise.all([runDue(deps), runDue(deps), runDue(deps)]);
    assert.equal(
      moved.reduce((sum, each) => sum + each, 0),
      1,
    );
    assert.deepEqual(await runs(due), ["running - 01T12:00"]);
    at(NOON + 10 * MINUTE + 1000);
    await Promise.all([runDue(deps), runDue(deps)]);
    assert.equal((await runs(due)).filter((text) => text.startsWith("missed")).length, 9, "12:01 to 12:09, once each");
  }));

test("tries again while the store or the server cannot, and records what can never start", () =>
  withWorld(async ({ deps, at, endpoint, nextRunAt, runs, refuse }) => {
    const due = await endpoint("0 * * * *", NOON);
    for (const error of [new StoreUnavailableError("gone"), fail("unavailable"), fail("shutting_down"), new Error("a defect")]) {
      refuse(error);
      assert.equal(await runDue(deps), 0);
      assert.equal(await nextRunAt(due), NOON);
    }
    assert.deepEqual(await runs(due), []);
    for (const [hour, error, expected] of [
      [0, fail("capsule_gone"), "error capsule_gone"],
      [1, fail("queue_full"), "missed unavailable"],
      [2, fail("invalid_request", "args: no default"), "error not_started"],
    ] as const) {
      at(NOON + hour * 60 * MINUTE);
      refuse(error);
      assert.equal(await runDue(deps), 1);
      assert.match((await runs(due)).at(-1) ?? "", new RegExp(`^${expected} `));
    }
    refuse(null);
    at(NOON + 3 * 60 * MINUTE);
    await runDue(deps);
    assert.match((await runs(due)).at(-1) ?? "", /^running/);
  }));

test("what came to no process is notified like any other end", () =>
  withWorld(async ({ deps, at, endpoint, notifications }) => {
    await endpoint("0 12 * * *", NOON, { notify_url: "https://receiver.example/", notify_on: "failure" });
    await endpoint("0 12 * * *", NOON, { notify_url: "https://receiver.example/", notify_on: "success" });
    at(NOON + 2 * MINUTE);
    assert.equal(await runDue(deps), 2);
    const due = await notifications.listDue(NOON + 2 * MINUTE, 10, { endpointIds: [], teamIds: [] });
    assert.equal(due.length, 1);
    assert.equal(due[0]?.createdAt, NOON + 2 * MINUTE);
  }));

test("one endpoint whose schedule cannot be read stands still and holds up no other", () =>
  withWorld(async ({ deps, endpoint, nextRunAt, runs }) => {
    const broken = await endpoint("* * * * *", NOON - 1, { timezone: "Gone/Zone" });
    const due = await endpoint("* * * * *", NOON);
    assert.equal(await runDue(deps), 2);
    assert.equal(await nextRunAt(broken), null);
    assert.deepEqual(await runs(broken), []);
    assert.deepEqual(await runs(due), ["running - 01T12:00"]);
  }));

test("takes many endpoints that are due in the same second in one tick", () =>
  withWorld(async ({ deps, started, endpoint }) => {
    for (let index = 0; index < 250; index += 1) await endpoint("0 12 * * *", NOON);
    assert.equal(await runDue(deps), 250);
    assert.equal(new Set(started.map((request) => request.endpoint.id)).size, 250);
  }));
