import assert from "node:assert/strict";
import test from "node:test";
import { templateCreate } from "@capsuled/contract";
import type { BuildLogEntry, ErrorCode } from "@capsuled/contract";
import type { z } from "zod";
import { createAccessStore } from "../../store/access-store.ts";
import { keyRecord, teamRecord } from "../../store/testing/records.ts";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import type { Principal } from "../access/principal.ts";
import { CapsuledError } from "../fail.ts";
import { tendLayers } from "./layers.ts";
import { BUILDS_AT_ONCE, LAYER_KEPT_MS, TEAM_BUILDS_MAX } from "./limits.ts";
import type { BuildRecord } from "./record.ts";

const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof CapsuledError && error.code === code;
type Given = z.input<typeof templateCreate>;

async function withWorld(act: (world: World) => Promise<void>, ...given: Parameters<typeof createWorld>): Promise<void> {
  const world = await createWorld(...given);
  try {
    await act(world);
  } finally {
    await world.close();
  }
}

const start = (world: World, given: Given): Promise<BuildRecord> => world.builds.start(world.principal, templateCreate.parse(given));
const build = (world: World, given: Given): Promise<BuildRecord> => start(world, { wait_ms: 60_000, ...given });

async function logOf(world: World, id: string): Promise<readonly BuildLogEntry[]> {
  const entries: BuildLogEntry[] = [];
  const reader = await world.builds.log(world.principal, id, 0);
  for (let next = await reader?.next(10_000); next !== null && next !== undefined; next = await reader?.next(10_000)) {
    assert.ok(next.length > 0, "the log has an end");
    entries.push(...next.map(({ entry }) => entry));
  }
  return entries;
}

async function text(world: World, id: string, line: string): Promise<string> {
  const outcome = await exec(world, id, { cmd: "sh", args: ["-c", line] });
  return outcome.kind === "ended" ? Buffer.from(outcome.stdout).toString() : outcome.kind;
}

const names = async (world: World): Promise<readonly string[]> =>
  (await world.templates.list(world.principal, "snapshot")).map(({ name }) => name);
const capsulesLeft = async (world: World): Promise<number> => (await world.driver.list()).length;

test("a recipe's files and steps are in capsules of its template, and nothing of the build is left", () =>
  withWorld(async (world) => {
    const record = await build(world, {
      name: "built",
      files: [
        { path: "/root/one", content: "one\n" },
        { path: "/root/two", content: Buffer.from("two\n").toString("base64"), encoding: "base64", mode: "600" },
      ],
      steps: [{ run: "cat /root/one > /root/both; cat /root/two >> /root/both; echo told" }],
      memory_mb: 96,
    });
    assert.deepEqual([record.state, record.reason, record.steps, record.cachedSteps, record.step], ["ready", null, 2, 0, 2]);
    const { id, memoryMb } = await createCapsule(world, { template: "built", memory_mb: undefined });
    assert.equal(memoryMb, 96);
    assert.equal(await text(world, id, "cat /root/both"), "one\ntwo\n");
    assert.equal(await capsulesLeft(world), 1);
    const log = await logOf(world, record.id);
    assert.deepEqual(
      log.map((entry) => (entry.type === "step" ? `${entry.step} ${entry.state}` : entry.type)),
      ["1 started", "1 done", "2 started", "output", "2 done", "end"],
    );
    assert.deepEqual(log[3], { type: "output", step: 2, stream: "stdout", data: "told\n" });
  }));

test("a step that fails ends the build, and its error names it: number, command, exit code, last lines", () =>
  withWorld(async (world) => {
    const record = await build(world, {
      name: "broken",
      steps: [{ run: "echo well" }, { run: "echo the reason >&2; exit 3" }, { run: "echo never" }],
    });
    assert.deepEqual([record.state, record.reason], ["failed", "step_failed"]);
    assert.deepEqual(record.failure, { step: 2, command: "echo the reason >&2; exit 3", exitCode: 3, lastLines: "the reason\n" });
    assert.match(record.message ?? "", /Step 2 ended with exit code 3/);
    assert.deepEqual(await names(world), []);
    assert.equal(await capsulesLeft(world), 0);
    const last = (await logOf(world, record.id)).at(-1);
    assert.equal(last?.type === "end" && last.error?.exit_code, 3);
    // Its name is free again, and the step that went well need not be done again.
    const again = await build(world, { name: "broken", steps: [{ run: "echo well" }, { run: "echo fine" }] });
    assert.deepEqual([again.state, again.cachedSteps], ["ready", 1]);
  }));

test("steps are taken from the cache as long as they and what they follow are the same", () =>
  withWorld(async (world) => {
    const steps = [{ run: "echo a > /root/a" }, { run: "echo b > /root/b" }];
    const cachedOf = async (given: Partial<Given>): Promise<number> =>
      (await build(world, { name: "t", overwrite: true, steps, ...given })).cachedSteps;
    assert.equal(await cachedOf({}), 0);
    assert.equal(await cachedOf({}), 2);
    const { id } = await createCapsule(world, { template: "t" });
    assert.equal(await text(world, id, "cat /root/a; cat /root/b"), "a\nb\n");
    assert.equal(await cachedOf({ steps: [steps[0] ?? { run: "" }, { run: "echo c > /root/c" }] }), 1);
    assert.equal(await cachedOf({ envs: { X: "1" } }), 0, "a step's variables are part of what it does");
    assert.equal(await cachedOf({ use_cache: false }), 0);
    assert.equal(await cachedOf({ files: [{ path: "/root/f", content: "1" }] }), 0);
    assert.equal(await cachedOf({ files: [{ path: "/root/f", content: "1" }] }), 3);
    assert.equal(await cachedOf({ files: [{ path: "/root/f", content: "2" }] }), 0);
    const stranger = { ...world.principal, teamId: world.principal.teamId.replace(/.$/, "x") };
    assert.deepEqual(await world.builds.list(stranger, 10), []);
  }));

test("another team's steps are done anew, however alike, and then kept for that team alone", () =>
  withWorld(async (world) => {
    const other = teamRecord();
    const key = keyRecord({ teamId: other.id });
    await createAccessStore(world.database).insertTeam(other, key);
    const stranger: Principal = { keyId: key.id, teamId: other.id, role: "admin", isFirstTeam: false };
    const given = templateCreate.parse({ name: "t", overwrite: true, steps: [{ run: "echo a > /root/a" }], wait_ms: 60_000 });
    const cachedOf = async (principal: Principal): Promise<readonly [string, number]> => {
      const { state, cachedSteps } = await world.builds.start(principal, given);
      return [state, cachedSteps];
    };
    assert.deepEqual(await cachedOf(world.principal), ["ready", 0]);
    assert.deepEqual(await cachedOf(stranger), ["ready", 0]);
    for (const principal of [world.principal, stranger]) assert.deepEqual(await cachedOf(principal), ["ready", 1]);
  }));

test("layers unused for long go, the ones unused longest go where they take too much, and none is a team's template", () =>
  withWorld(async (world) => {
    await build(world, { name: "t", steps: [{ run: "echo 1 > /root/1" }] });
    world.clock.advance(1000);
    await build(world, { name: "u", steps: [{ run: "yes 600000 > /root/big" }] });
    assert.deepEqual([...(await names(world))].toSorted(), ["t", "u"]);
    assert.equal((await world.driver.snapshots?.list())?.length, 4);
    assert.deepEqual(await tendLayers(world.deps), []);
    assert.equal(
      (await tendLayers({ ...world.deps, templateCacheMb: 1 })).length,
      2,
      "the big one is more than there may be, and what is older goes with it",
    );
    await build(world, { name: "t", overwrite: true, steps: [{ run: "echo 1 > /root/1" }] });
    world.clock.advance(LAYER_KEPT_MS + 1);
    assert.equal((await tendLayers(world.deps)).length, 1);
    assert.deepEqual([...(await names(world))].toSorted(), ["t", "u"]);
    assert.equal((await world.driver.snapshots?.list())?.length, 2);
    await build(world, { name: "t", overwrite: true, steps: [{ run: "echo nothing" }] });
    assert.equal((await tendLayers({ ...world.deps, templateCacheMb: 0 })).length, 1, "an empty one too");
  }));

test("names: a built-in's, a taken one, two at once, and overwriting", () =>
  withWorld(async (world) => {
    await assert.rejects(start(world, { name: "minimal" }), hasCode("name_reserved"));
    await assert.rejects(start(world, { name: "t", from: { template: "absent" } }), hasCode("not_found"));
    const both = await Promise.allSettled([start(world, { name: "t" }), start(world, { name: "t" })]);
    assert.equal(both.filter(({ status }) => status === "fulfilled").length, 1);
    for (const one of both) if (one.status === "fulfilled") await world.underWay.settled(one.value.id);
    await assert.rejects(start(world, { name: "t" }), hasCode("template_name_taken"));
    await build(world, { name: "t", overwrite: true, steps: [{ run: "echo new > /root/new" }] });
    const { id } = await createCapsule(world, { template: "t" });
    assert.equal(await text(world, id, "cat /root/new"), "new\n");
    // A template on a template, which is then deleted.
    await build(world, { name: "u", from: { template: "t" }, steps: [{ run: "echo more > /root/more" }] });
    await world.templates.remove(world.principal, "t");
    const { id: other } = await createCapsule(world, { template: "u" });
    assert.equal(await text(world, other, "cat /root/new; cat /root/more"), "new\nmore\n");
  }));

test("a build that is cancelled, waiting or under way, ends so, and leaves no capsule and no half of a template", () =>
  withWorld(async (world) => {
    const waits = { steps: [{ run: "sleep 1000" }] };
    const under = await Promise.all(Array.from({ length: BUILDS_AT_ONCE }, (_, n) => start(world, { name: `t${n}`, ...waits })));
    const waiting = await start(world, { name: "waiting", ...waits });
    assert.equal(waiting.state, "queued");
    assert.equal((await world.builds.cancel(world.principal, waiting.id)).state, "cancelled");
    for (const { id } of under) {
      const ended = await world.builds.cancel(world.principal, id);
      assert.deepEqual([ended.state, ended.reason], ["cancelled", "cancelled"]);
      assert.equal((await logOf(world, id)).at(-1)?.type, "end");
      assert.deepEqual(await world.builds.cancel(world.principal, id), ended, "an ended one stays as it is");
    }
    assert.equal(await capsulesLeft(world), 0);
    assert.deepEqual(await world.driver.snapshots?.list(), []);
    await assert.rejects(world.builds.get({ ...world.principal, teamId: "team-x" }, waiting.id), hasCode("not_found"));
    await assert.rejects(world.builds.get(world.principal, "nonsense"), hasCode("not_found"));
  }));

test("a step, and a whole build, that never ends is ended at its time", () =>
  withWorld(async (world) => {
    const step = await build(world, { name: "t", steps: [{ run: "echo begun; sleep 1000", timeout_sec: 1 }] });
    assert.deepEqual([step.state, step.reason, step.failure?.step, step.failure?.lastLines], ["failed", "step_timed_out", 1, "begun\n"]);
    const whole = await build(world, { name: "t", steps: [{ run: "sleep 1000" }], timeout_sec: 1 });
    assert.deepEqual([whole.state, whole.reason], ["failed", "timed_out"]);
    assert.equal(await capsulesLeft(world), 0);
  }));

test("a team has so many builds at once, and the others are refused", () =>
  withWorld(async (world) => {
    const begun = await Promise.all(
      Array.from({ length: TEAM_BUILDS_MAX }, (_, n) => start(world, { name: `t${n}`, steps: [{ run: "sleep 1000" }] })),
    );
    await assert.rejects(start(world, { name: "more" }), hasCode("quota_exceeded"));
    await Promise.all(begun.map(({ id }) => world.builds.cancel(world.principal, id)));
    assert.equal((await build(world, { name: "more" })).state, "ready");
  }));

test("bad recipes are refused before anything is stored", () =>
  withWorld(async (world) => {
    for (const given of [
      { name: "t", files: [{ path: "/f", content: "not base64", encoding: "base64" }] },
      { name: "t", vcpus: 1024 },
    ] satisfies readonly Given[])
      await assert.rejects(start(world, given), hasCode("invalid_request"));
    for (const given of [
      { name: "../up" },
      { name: "t", packages: ["--allow-unauthenticated"] },
      { name: "t", packages: ["a;b"] },
      { name: "t", files: [{ path: "relative", content: "" }] },
      { name: "t", steps: [{ run: "" }] },
      { name: "t", steps: [{ run: "a\0b" }] },
      { name: "t", ready_check: { port: 0 } },
      { name: "t", user: "root:0" },
      { name: "t", unknown: true },
    ])
      assert.equal(templateCreate.safeParse(given).success, false, JSON.stringify(given));
    assert.deepEqual(await world.builds.list(world.principal, 10), []);
  }));

test("output beyond the log's bound is counted, and the step goes on", () =>
  withWorld(async (world) => {
    const record = await build(world, { name: "t", steps: [{ run: "yes 6000000; echo the end" }] });
    assert.equal(record.state, "ready");
    const log = await logOf(world, record.id);
    const kept = log.reduce((sum, entry) => sum + (entry.type === "output" ? entry.data.length : 0), 0);
    const gap = log.find((entry) => entry.type === "gap");
    assert.ok(gap?.type === "gap" && gap.bytes > 0);
    assert.ok(kept <= 4 * 1024 * 1024);
  }));
