import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { effectsOf } from "../../../core/capsule/effects.ts";
import type { CapsuleRecord } from "../../../core/capsule/record.ts";
import type { ProcessEndFacts } from "../../../core/process/record.ts";
import type { ImportedEntry } from "../../../core/process/store.ts";
import { unseenEndFacts } from "../../../core/process/unseen-end.ts";
import type { EventWorld, WithEventWorld } from "./event-world.ts";
import { HANDLE } from "./event-world.ts";

const actor = { type: "api_key", id: "key-a" } as const;
const facts: ProcessEndFacts = { ...unseenEndFacts({ reason: "agent_lost", requested: null }), reason: "exited", exit_code: 0 };

function entry(id: string, kind: "started" | "ended", given: Partial<ImportedEntry["process"]> = {}): ImportedEntry {
  const process = { id, pid: 7, tag: "", cmd: "sleep", args: ["1"], startedAt: 100, ...given };
  return { process, actor, end: kind === "started" ? null : { facts, endedAt: 200 } };
}

async function typesOf(world: EventWorld): Promise<readonly string[]> {
  const events = await world.events.list({
    teamId: world.teamId,
    capsuleId: null,
    type: null,
    above: 0,
    below: null,
    order: "asc",
    limit: 1000,
  });
  return events.filter(({ processId }) => processId !== null).map(({ type, processId }) => `${type} ${processId}`);
}

function imports(world: EventWorld, capsule: CapsuleRecord, entries: readonly ImportedEntry[], cursor = 1): Promise<boolean> {
  return world.processes.importLog({ capsuleId: capsule.id, teamId: world.teamId, handle: HANDLE, entries, cursor });
}

export function describeProcesses(withWorld: WithEventWorld): void {
  it("counts every start and every end once, however a log is cut, repeated and overlapped", () =>
    withWorld(async (world) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }),
          fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 6 }),
          async (order, cuts) => {
            const capsule = await world.running();
            const log: ImportedEntry[] = [];
            const state = new Map<number, number>();
            for (const which of order) {
              const at = state.get(which) ?? 0;
              if (at < 2) log.push(entry(`pr-${which}`, at === 0 ? "started" : "ended"));
              state.set(which, at + 1);
            }
            let done = 0;
            for (const [from, to] of cuts) {
              const begin = Math.min(from, done);
              const end = Math.min(Math.max(to, begin), log.length);
              assert.equal(await imports(world, capsule, log.slice(begin, end), end + 1), true);
              done = Math.max(done, end);
            }
            await imports(world, capsule, log.slice(done), log.length + 1);
            const events = await world.events.list({
              teamId: world.teamId,
              capsuleId: capsule.id,
              type: null,
              above: 0,
              below: null,
              order: "asc",
              limit: 100,
            });
            assert.deepEqual(
              events.slice(1).map(({ type, processId }) => `${type} ${processId}`),
              log.map(({ process, end }) => `process.${end === null ? "started" : "ended"} ${process.id}`),
            );
            assert.equal((await world.capsules.find(capsule.id))?.logCursor, log.length + 1);
          },
        ),
        { numRuns: 25 },
      );
    }));

  it("takes an end without a start, and tells where a NUL and what is no Unicode were", () =>
    withWorld(async (world) => {
      const capsule = await world.running();
      await imports(world, capsule, [entry("pr-a", "ended", { cmd: "a\0b", tag: "t\0", args: ["\ud800"] })]);
      const found = await world.processes.find(capsule.id, "pr-a");
      assert.deepEqual([found?.cmd, found?.tag, found?.end, found?.endedAt], ["a\uFFFDb", "t\uFFFD", facts, 200]);
      assert.deepEqual(await typesOf(world), ["process.ended pr-a"]);
    }));

  it("takes nothing of a machine that the capsule does not have any more", () =>
    withWorld(async (world) => {
      const capsule = await world.running();
      const handle = { ...HANDLE, data: { launch: "another" } };
      const batch = { capsuleId: capsule.id, teamId: world.teamId, entries: [entry("pr-a", "started")], cursor: 2 };
      assert.equal(await world.processes.importLog({ ...batch, handle }), false);
      assert.equal(await world.processes.importLog({ ...batch, handle: HANDLE, capsuleId: "cl-none" }), false);
      assert.deepEqual(await typesOf(world), []);
      assert.equal((await world.capsules.find(capsule.id))?.logCursor, 1);
    }));

  it("gives every process without an end the capsule's, with its event, in the transaction of the change and once", () =>
    withWorld(async (world) => {
      const capsule = await world.running();
      await imports(world, capsule, [entry("pr-a", "started"), entry("pr-b", "started"), entry("pr-a", "ended")]);
      const change = { handle: null, reason: "agent_lost", endedAt: 900 } as const;
      const effects = effectsOf(capsule, "lost", change, { type: "system", id: "driver" }, 900);
      const lost = await world.capsules.transition(capsule, "error", change, 900, effects);
      assert.equal(lost?.state, "error");
      assert.equal(await world.capsules.transition(capsule, "error", change, 901, effects), undefined, "a repeat is too late");
      assert.equal(await imports(world, capsule, [entry("pr-b", "ended"), entry("pr-c", "started")]), false, "so is the log");
      assert.deepEqual(await typesOf(world), ["process.started pr-a", "process.started pr-b", "process.ended pr-a", "process.ended pr-b"]);
      const unseen = await world.processes.find(capsule.id, "pr-b");
      assert.deepEqual([unseen?.endedAt, unseen?.end?.reason, unseen?.end?.exit_code], [900, "agent_lost", null]);
      assert.equal((await world.processes.find(capsule.id, "pr-a"))?.end?.reason, "exited");
    }));

  it("finds by id, pid and tag: one that runs first, else the latest that was started", () =>
    withWorld(async (world) => {
      const capsule = await world.running();
      const old = entry("pr-old", "ended", { tag: "web", pid: 9, startedAt: 1 });
      const late = entry("pr-late", "ended", { tag: "web", pid: 9, startedAt: 2 });
      await imports(world, capsule, [old, late]);
      const found = async (selector: string): Promise<string | undefined> => (await world.processes.find(capsule.id, selector))?.id;
      assert.deepEqual([await found("web"), await found("9"), await found("pr-old")], ["pr-late", "pr-late", "pr-old"]);
      await imports(world, capsule, [entry("pr-live", "started", { tag: "web", pid: 9, startedAt: 0 })]);
      assert.deepEqual([await found("web"), await found("9")], ["pr-live", "pr-live"]);
      for (const selector of ["none", "10", "99999999999999999999", "pr-none", "a\0b", ""])
        assert.equal(await found(selector), undefined, selector);
    }));

  it("removes ends that are too old or too many of a team, and nothing that runs", () =>
    withWorld(async (world) => {
      const capsule = await world.running();
      const ended = (id: string, endedAt: number): ImportedEntry => ({ ...entry(id, "ended"), end: { facts, endedAt } });
      await imports(world, capsule, [
        ended("pr-1", 10),
        ended("pr-2", 20),
        ended("pr-3", 30),
        ended("pr-4", 40),
        entry("pr-live", "started"),
      ]);
      assert.equal(await world.processes.removeEnded(world.teamId, 15, 100, 10), 1);
      assert.equal(await world.processes.removeEnded(world.teamId, 0, 1, 10), 2);
      assert.equal(await world.processes.removeEnded(world.otherTeamId, 1000, 0, 10), 0);
      const left = await Promise.all(["pr-1", "pr-2", "pr-3", "pr-4", "pr-live"].map((id) => world.processes.find(capsule.id, id)));
      assert.deepEqual(
        left.map((process) => process?.id),
        [undefined, undefined, undefined, "pr-4", "pr-live"],
      );
    }));
}
