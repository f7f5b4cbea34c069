import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreUnavailableError } from "../capsule/store.ts";
import { fail } from "../fail.ts";
import type { ScheduleDeps } from "./run-due.ts";
import { MISSED_MAX, runDue } from "./run-due.ts";
import { NOON, withScheduleWorld } from "./testing/schedule-world.ts";

const MINUTE = 60_000;

test("starts what is due in the second in which it is, once, and nothing before", () =>
  withScheduleWorld(async ({ deps, started, at, endpoint, nextRunAt, runs }) => {
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
  withScheduleWorld(async ({ deps, at, endpoint, nextRunAt, runs }) => {
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
  withScheduleWorld(async ({ deps, at, endpoint, nextRunAt, runs }) => {
    const every = await endpoint("* * * * *", NOON, { notify_url: "https://receiver.example/", overlap: true });
    at(NOON + 3 * MINUTE + 20_000);
    await runDue(deps);
    assert.deepEqual(await runs(every), ["missed missed 01T12:00", "missed missed 01T12:01", "missed missed 01T12:02"]);
    await runDue(deps);
    assert.equal((await runs(every)).at(-1), "running - 01T12:03");
    assert.equal(await nextRunAt(every), NOON + 4 * MINUTE);
  }));

test("records a bounded number of missed times and passes over the rest", () =>
  withScheduleWorld(async ({ deps, at, endpoint, nextRunAt, runs, started }) => {
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
  withScheduleWorld(async ({ deps, at, endpoint, end, runs }) => {
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
  withScheduleWorld(async ({ deps, endpoint, nextRunAt, runs }) => {
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
  withScheduleWorld(async ({ deps, at, endpoint, runs }) => {
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
  withScheduleWorld(async ({ deps, at, endpoint, nextRunAt, runs, refuse }) => {
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
  withScheduleWorld(async ({ deps, at, endpoint, notifications }) => {
    await endpoint("0 12 * * *", NOON, { notify_url: "https://receiver.example/", notify_on: "failure" });
    await endpoint("0 12 * * *", NOON, { notify_url: "https://receiver.example/", notify_on: "success" });
    at(NOON + 2 * MINUTE);
    assert.equal(await runDue(deps), 2);
    const due = await notifications.listDue(NOON + 2 * MINUTE, 10, { endpointIds: [], teamIds: [] });
    assert.equal(due.length, 1);
    assert.equal(due[0]?.createdAt, NOON + 2 * MINUTE);
  }));

test("one endpoint whose schedule cannot be read stands still and holds up no other", () =>
  withScheduleWorld(async ({ deps, endpoint, nextRunAt, runs }) => {
    const broken = await endpoint("* * * * *", NOON - 1, { timezone: "Gone/Zone" });
    const due = await endpoint("* * * * *", NOON);
    assert.equal(await runDue(deps), 2);
    assert.equal(await nextRunAt(broken), null);
    assert.deepEqual(await runs(broken), []);
    assert.deepEqual(await runs(due), ["running - 01T12:00"]);
  }));

test("takes many endpoints that are due in the same second in one tick", () =>
  withScheduleWorld(async ({ deps, started, endpoint }) => {
    for (let index = 0; index < 250; index += 1) await endpoint("0 12 * * *", NOON);
    assert.equal(await runDue(deps), 250);
    assert.equal(new Set(started.map((request) => request.endpoint.id)).size, 250);
  }));
