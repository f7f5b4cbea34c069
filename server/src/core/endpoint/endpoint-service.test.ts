import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreUnavailableError } from "../capsule/store.ts";
import { CapsuledError } from "../fail.ts";
import type { ErrorCode } from "@capsuled/contract";
import { definitionOf } from "./testing/definition.ts";
import { endpointWorld, principal, serviceOn, stranger } from "./testing/world.ts";

const hello = definitionOf({ command: "echo hello" });
const code =
  (expected: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof CapsuledError && error.code === expected;

test("put makes an endpoint, then its next version, and nothing where it says the same", async () => {
  const { service, clock } = endpointWorld();
  const first = await service.put(principal, "hello", hello);
  assert.deepEqual([first.isNew, first.record.version, first.record.name], [true, 1, "hello"]);
  clock.time += 1000;
  const same = await service.put(principal, "hello", definitionOf({ command: "echo hello", args: null, timeout: 60 }));
  assert.deepEqual(same, { record: first.record, isNew: false, warnings: [] });
  const next = await service.put(principal, "hello", definitionOf({ command: "echo bye" }));
  assert.deepEqual([next.isNew, next.record.version, next.record.id], [false, 2, first.record.id]);
  assert.equal(next.record.createdAt, first.record.createdAt);
  assert.equal(next.record.updatedAt, clock.time);
});

test("what is wrong with a definition is refused with every field, and nothing is stored", async () => {
  const { service, store } = endpointWorld();
  const bad = definitionOf({ command: "a | b", timeout: 500, template: "none", transformer: { type: "jsonata", expression: "bad(" } });
  await assert.rejects(service.put(principal, "x", bad), (error) => {
    assert.ok(error instanceof CapsuledError && error.code === "invalid_request");
    const problems = error.details?.["problems"];
    assert.ok(Array.isArray(problems));
    assert.deepEqual(
      problems.map(({ field }: { field: string }) => field),
      ["command", "timeout", "template", "transformer.expression"],
    );
    return true;
  });
  for (const name of ["", "-a", "A", "a_b", "a".repeat(64), "a/b"])
    await assert.rejects(service.put(principal, name, hello), code("invalid_request"));
  assert.equal(store.rows.size, 0);
});

test("secrets and variables are sealed, known by name, and opened for calls with references resolved", async () => {
  const { service, store } = endpointWorld();
  const definition = definitionOf({
    command: "x",
    trigger: "webhook",
    secret: ["$KEY", "a literal one"],
    envs: { KEY: "the key's text", B: "2" },
  });
  const { record } = await service.put(principal, "hook", definition);
  assert.doesNotMatch(JSON.stringify([...store.rows.values()]), /the key's text|a literal one/);
  assert.deepEqual([record.envNames, record.hasSecret], [["B", "KEY"], true]);
  assert.deepEqual(service.secretsOf(record), { secrets: ["the key's text", "a literal one"], envs: { KEY: "the key's text", B: "2" } });
  assert.equal((await service.put(principal, "hook", definition)).record.version, 1);
  const without = await service.put(principal, "hook", definitionOf({ command: "x", trigger: "webhook" }));
  assert.deepEqual([without.record.version, without.record.sealed, without.record.hasSecret], [2, null, false]);
  assert.deepEqual(service.secretsOf(without.record), { secrets: [], envs: {} });
});

test("another team's endpoint does not exist", async () => {
  const { service } = endpointWorld();
  await service.put(principal, "mine", hello);
  await assert.rejects(service.get(stranger, "mine"), code("not_found"));
  await assert.rejects(service.pauseSchedule(stranger, "mine"), code("not_found"));
  await service.delete(stranger, "mine");
  assert.equal((await service.get(principal, "mine")).name, "mine");
  assert.equal((await service.put(stranger, "mine", hello)).isNew, true);
});

test("a team has so many endpoints and no more; changing one needs no room", async () => {
  const { service } = endpointWorld({ teamEndpointsMax: 2 });
  await service.put(principal, "a", hello);
  await service.put(principal, "b", hello);
  await assert.rejects(service.put(principal, "c", hello), code("quota_exceeded"));
  await service.put(principal, "b", definitionOf({ command: "echo other" }));
  await service.put(stranger, "c", hello);
  await assert.rejects(
    service.import(principal, "version: 1\nendpoints:\n  - {name: c, command: x}\n", { dryRun: true, prune: false }),
    code("quota_exceeded"),
  );
  const pruned = await service.import(principal, "version: 1\nendpoints:\n  - {name: c, command: x}\n  - {name: d, command: x}\n", {
    dryRun: false,
    prune: true,
  });
  assert.equal(pruned.applied, true);
});

test("a change that another one overtakes is made on top of it; one that is overtaken every time is a conflict", async () => {
  const { service, store } = endpointWorld();
  const { record } = await service.put(principal, "a", hello);
  const bump = (): void => {
    const row = store.rows.get(record.id) ?? record;
    store.rows.set(record.id, { ...row, version: row.version + 1 });
  };
  store.meanwhile = bump;
  assert.equal((await service.put(principal, "a", definitionOf({ command: "echo 2" }))).record.version, 3);
  store.meanwhile = bump;
  await service.delete(principal, "a");
  assert.equal(store.rows.size, 0);
  await service.put(principal, "b", hello);
  store.apply = async () => false;
  await assert.rejects(service.put(principal, "b", definitionOf({ command: "echo 2" })), code("conflict"));
});

test("delete is repeatable", async () => {
  const { service } = endpointWorld();
  await service.put(principal, "a", hello);
  await service.delete(principal, "a");
  await service.delete(principal, "a");
  await assert.rejects(service.get(principal, "a"), code("not_found"));
});

test("a schedule has its next time, keeps it through other changes, and stands still while it is paused", async () => {
  const { service, clock, store } = endpointWorld();
  const at = (hour: number, minute: number): number => Date.UTC(2026, 0, 4, hour, minute);
  const every = (fields: object) => definitionOf({ command: "x", schedule: "*/15 * * * *", ...fields });
  const { record } = await service.put(principal, "a", every({}));
  assert.equal(record.nextRunAt, at(12, 15));
  // Its time has come and its run has not begun yet.
  clock.time = at(12, 20);
  assert.equal((await service.put(principal, "a", every({ description: "new" }))).record.nextRunAt, at(12, 15));
  assert.equal((await service.put(principal, "a", every({ schedule: "0 * * * *" }))).record.nextRunAt, at(13, 0));
  const paused = await service.pauseSchedule(principal, "a");
  assert.deepEqual([paused.schedulePaused, paused.nextRunAt], [true, null]);
  const changed = await service.put(principal, "a", every({}));
  assert.deepEqual([changed.record.schedulePaused, changed.record.nextRunAt], [true, null]);
  clock.time = at(18, 1);
  const resumed = await service.resumeSchedule(principal, "a");
  assert.deepEqual([resumed.schedulePaused, resumed.nextRunAt], [false, at(18, 15)]);
  assert.deepEqual(await service.resumeSchedule(principal, "a"), resumed);
  assert.equal((await service.put(principal, "a", hello)).record.nextRunAt, null);
  await assert.rejects(service.pauseSchedule(principal, "a"), code("invalid_state"));
  assert.equal(store.rows.size, 1);
});

test("a call's look is remembered for 5 s, without a promise, and a change of one's own is seen at once", async () => {
  const { service, store, clock } = endpointWorld();
  assert.equal(await service.findPublished("alice", "a"), undefined);
  await service.put(principal, "a", hello);
  const found = await service.findPublished("alice", "a");
  assert.deepEqual([found?.endpoint.name, found?.ownerSlug, found?.ownerName], ["a", "alice", "Alice"]);
  const { looks } = store;
  assert.equal(service.findPublished("alice", "a"), found);
  clock.time += 4999;
  assert.equal(service.findPublished("alice", "a"), found);
  assert.equal(store.looks, looks);
  clock.time += 1;
  await service.findPublished("alice", "a");
  assert.equal(store.looks, looks + 1);
  await service.put(principal, "a", definitionOf({ command: "echo 2" }));
  assert.equal((await service.findPublished("alice", "a"))?.endpoint.version, 2);
  await service.delete(principal, "a");
  assert.equal(await service.findPublished("alice", "a"), undefined);
  assert.equal(service.findPublished("alice", "NOT A NAME"), undefined);
});

test("that there is no endpoint of a name is remembered for 1 s", async () => {
  const { service, store, clock } = endpointWorld();
  await service.findPublished("alice", "a");
  const { looks } = store;
  await serviceOn(store).service.put(principal, "a", hello);
  clock.time += 999;
  assert.equal(await service.findPublished("alice", "a"), undefined);
  assert.equal(store.looks, looks);
  clock.time += 1;
  assert.equal((await service.findPublished("alice", "a"))?.endpoint.name, "a");
});

test("a look that a change overtakes is not remembered", async () => {
  const { service, store } = endpointWorld();
  await service.put(principal, "a", hello);
  const { findPublished } = store;
  const gate = Promise.withResolvers<void>();
  store.findPublished = async (owner, name) => {
    const seen = await findPublished.call(store, owner, name);
    await gate.promise;
    return seen;
  };
  const slow = service.findPublished("alice", "a");
  await service.put(principal, "a", definitionOf({ command: "echo 2" }));
  gate.resolve();
  await slow;
  assert.equal((await service.findPublished("alice", "a"))?.endpoint.version, 2);
});

test("while the database is gone, an endpoint that was seen goes on, and one that was not is unavailable", async () => {
  const { service, store, clock } = endpointWorld();
  await service.put(principal, "a", hello);
  await service.findPublished("alice", "a");
  store.failure = new StoreUnavailableError("gone");
  clock.time += 60_000;
  assert.equal((await service.findPublished("alice", "a"))?.endpoint.name, "a");
  await assert.rejects(async () => service.findPublished("alice", "b"), StoreUnavailableError);
  clock.time += 3_600_001;
  await assert.rejects(async () => service.findPublished("alice", "a"), StoreUnavailableError);
});
