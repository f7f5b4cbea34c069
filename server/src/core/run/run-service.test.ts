import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import type { RunWorld } from "../../testing/run-world.ts";
import { createRunWorld, putEndpoint, readAll, requestOf } from "../../testing/run-world.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import type { EndpointRecord } from "../endpoint/record.ts";
import { CapsuledError } from "../fail.ts";
import { createRunService } from "./create-run-service.ts";
import type { RunRecord } from "./record.ts";
import type { RunRequest } from "./service.ts";

async function boundWorld(given: object = {}) {
  const world = await createRunWorld();
  const capsule = await createCapsule(world.world, { name: "web" });
  const endpoint = await putEndpoint(world, { capsule: capsule.id, ...given });
  return { world, capsule, endpoint };
}

/** The run as the store has it, once it is stored. */
async function stored(world: RunWorld, id: string): Promise<RunRecord | undefined> {
  await world.runs.settle();
  return world.deps.store.find(id);
}

test("a call to a bound capsule runs there, and its output and end are kept", async () => {
  const { world, capsule, endpoint } = await boundWorld();
  const handle = await world.runs.start(requestOf(world, endpoint, "echo hello; echo err >&2; exit 3", { args: { a: 1 } }));
  const { run, output } = await world.runs.collect(handle, "both", 1000);
  assert.deepEqual([run.status, run.reason, run.exitCode, run.stdoutBytes, run.stderrBytes], ["failed", "exited", 3, 6, 4]);
  assert.equal(Buffer.from(output.bytes).toString(), "hello\nerr\n");
  assert.equal(Buffer.from((await world.runs.collect(handle, "stdout", 1000)).output.bytes).toString(), "hello\n");
  assert.deepEqual([output.isTruncated, output.hasGap], [false, false]);
  assert.deepEqual(await stored(world, run.id), run);
  assert.deepEqual([run.capsuleId, run.ownsCapsule, run.args, run.keyId], [capsule.id, false, { a: 1 }, world.world.principal.keyId]);
  await world.world.capsules.destroy(world.world.principal, capsule.id);
  const again = await world.runs.get(world.world.principal, run.id);
  assert.deepEqual((await readAll(again)).stdout, "hello\n");
  assert.deepEqual((await readAll(again, { stdout: 2, stderr: 4 })).stdout, "llo\n");
  await world.close();
});

test("a call without a capsule gets a fresh one, which is destroyed after it", async () => {
  const world = await createRunWorld();
  const endpoint = await putEndpoint(world, {});
  const handle = await world.runs.start(requestOf(world, endpoint, "echo hello"));
  const { stdout, run } = await readAll(handle);
  assert.deepEqual([stdout, run.status], ["hello\n", "succeeded"]);
  assert.ok(run.ownsCapsule && run.capsuleId !== null);
  await world.runs.settle();
  const capsule = await world.world.deps.store.find(run.capsuleId);
  assert.equal(capsule?.state, "destroyed");
  assert.deepEqual(capsule?.metadata, { endpoint: endpoint.name, run: run.id });
  assert.deepEqual(await world.world.driver.list(), []);
  await world.close();
});

async function outcome(world: RunWorld, endpoint: EndpointRecord, script: string, given: Partial<RunRequest> = {}) {
  const handle = await world.runs.start(requestOf(world, endpoint, script, given));
  const { stdout, stderr, run } = await readAll(handle);
  assert.deepEqual(await stored(world, run.id), run);
  return { stdout, stderr, status: run.status, reason: run.reason, error: run.error, exitCode: run.exitCode };
}

test("a program that is not there, a directory that is not there and arguments beyond the kernel's bound are the run's end", async () => {
  const { world, endpoint } = await boundWorld();
  assert.deepEqual(await outcome(world, endpoint, "", { invocation: { cmd: "nope", args: [], env: {} } }), {
    stdout: "",
    stderr: "nope: command not found\n",
    status: "failed",
    reason: "spawn_failed",
    error: "nope: command not found",
    exitCode: 127,
  });
  const elsewhere = await putEndpoint(world, { capsule: "web", working_dir: "/none" });
  const refused = await outcome(world, elsewhere, "true");
  assert.deepEqual([refused.status, refused.reason, refused.exitCode], ["error", "not_started", null]);
  assert.match(refused.error ?? "", /^working_dir: /);
  const large = await outcome(world, endpoint, "", { invocation: { cmd: "true", args: ["x".repeat(2_000_000)], env: {} } });
  assert.deepEqual([large.status, large.reason], ["error", "not_started"]);
  await world.close();
});

test("a run has the capsule's variables, the endpoint's on top and its arguments' on top of these, its directory and its input", async () => {
  const world = await createRunWorld({ given: { secretsOf: () => ({ secrets: [], envs: { A: "endpoint", B: "endpoint" } }) } });
  await createCapsule(world.world, { name: "web", envs: { A: "capsule", B: "capsule", C: "capsule" } });
  const endpoint = { ...(await putEndpoint(world, { capsule: "web", working_dir: "/tmp" })), sealed: "v1.x" };
  const invocation = { cmd: "sh", args: ["-c", "echo $A $B $C; pwd; cat"], env: { B: "argument" } };
  const stdin = new TextEncoder().encode("input".repeat(500_000));
  const { stdout } = await outcome(world, endpoint, "", { invocation, stdin });
  assert.equal(stdout, `endpoint argument capsule\n/tmp\n${"input".repeat(500_000)}`);
  assert.equal((await outcome(world, endpoint, "cat")).stdout, "", "without an input there is none to wait for");
  await world.close();
});

test("a command that takes too long is killed, and what it printed is kept", async () => {
  const { world, endpoint } = await boundWorld({ timeout: 1 });
  assert.deepEqual(await outcome(world, endpoint, "echo begun; sleep 1000"), {
    stdout: "begun\n",
    stderr: "",
    status: "timed_out",
    reason: "timed_out",
    error: "Command timed out after 1s",
    exitCode: 137,
  });
  await world.close();
});

test("a paused capsule is resumed; a stopped one, a destroyed one, an unknown one and another team's are refused before anything runs", async () => {
  const { world, capsule, endpoint } = await boundWorld();
  const { principal, capsules } = world.world;
  await capsules.pause(principal, capsule.id);
  assert.equal((await outcome(world, endpoint, "echo hi")).stdout, "hi\n");
  await capsules.pause(principal, capsule.id);
  const both = await Promise.all([1, 2, 3].map(() => outcome(world, endpoint, "echo hi")));
  assert.deepEqual(
    both.map(({ status }) => status),
    ["succeeded", "succeeded", "succeeded"],
  );
  const start = (given: Readonly<Record<string, unknown>>) =>
    putEndpoint(world, given).then((other) => world.runs.start(requestOf(world, other, "true")));
  await assert.rejects(start({ capsule: "none" }), { code: "capsule_gone" });
  await assert.rejects(world.runs.start(requestOf(world, { ...endpoint, teamId: "team-other" }, "true")), { code: "capsule_gone" });
  await capsules.stop(principal, capsule.id);
  await assert.rejects(start({ capsule: "web" }), { code: "invalid_state" });
  await capsules.destroy(principal, capsule.id);
  await assert.rejects(start({ capsule: capsule.id }), { code: "capsule_gone" });
  await assert.rejects(start({ capsule: "web" }), { code: "capsule_gone" });
  const next = await createCapsule(world.world, { name: "web" });
  const renamed = await start({ capsule: "web" });
  assert.equal((await renamed.ended).capsuleId, next.id, "a name means the capsule that has it now");
  await world.runs.settle();
  assert.equal(world.runs.size, 0);
  await world.close();
});

test("no room, a failed boot and a missing template end the run, and leave no capsule", async () => {
  const ends: (readonly [string, string | null])[] = [];
  for (const kind of ["host_full", "fail", "template_missing"] as const) {
    const world = await createRunWorld({ script: { faults: [{ at: "launch", kind, nth: 1 }] } });
    const endpoint = await putEndpoint(world, {});
    const { status, reason } = await outcome(world, endpoint, "true");
    ends.push([status, reason]);
    await world.runs.settle();
    await world.runs.sweep();
    assert.deepEqual(await world.world.driver.list(), []);
    assert.equal((await outcome(world, endpoint, "echo ok")).stdout, "ok\n", "the next one has room");
    await world.close();
  }
  assert.deepEqual(ends, [
    ["error", "host_full"],
    ["error", "boot_failed"],
    ["error", "boot_failed"],
  ]);
});

test("a cancelled run's tree is killed; one that waits, or has no capsule yet, never begins; one that has ended stays as it is", async () => {
  const { world, endpoint } = await boundWorld({ max_concurrency: 1 });
  const { principal } = world.world;
  const running = await world.runs.start(requestOf(world, endpoint, "echo begun; sleep 1000"));
  const waiting = await world.runs.start(requestOf(world, endpoint, "echo never"));
  const reader = running.read({ stdout: 0, stderr: 0 });
  assert.equal((await reader.next(5000))?.kind, "output");
  const gone = await world.runs.cancel(principal, waiting.run.id, "key-a");
  assert.deepEqual([gone.status, gone.reason, gone.startedAt], ["cancelled", "cancelled", null]);
  const ended = await world.runs.cancel(principal, running.run.id, "key-a");
  assert.deepEqual([ended.status, ended.reason], ["cancelled", "cancelled"]);
  assert.deepEqual(await world.runs.cancel(principal, running.run.id, "key-a"), ended);
  const done = await (await world.runs.start(requestOf(world, endpoint, "true"))).ended;
  assert.equal((await world.runs.cancel(principal, done.id, "key-a")).status, "succeeded");
  await assert.rejects(world.runs.cancel({ ...principal, teamId: "team-x" }, done.id, "key-x"), { code: "not_found" });
  const left = await world.runs.start(requestOf(world, endpoint, "sleep 1000"));
  world.runs.abandon(left.run.id);
  const { status, reason } = await left.ended;
  assert.deepEqual([status, reason], ["cancelled", "client_gone"]);
  world.runs.abandon(left.run.id);
  world.runs.abandon("run-none");
  await world.close();
});

test("a run that is cancelled while its capsule boots is over at once, and the capsule goes", async () => {
  const world = await createRunWorld({ script: { latencyMs: { launch: 50 } } });
  const endpoint = await putEndpoint(world, {});
  const handle = await world.runs.start(requestOf(world, endpoint, "echo never"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  const run = await world.runs.cancel(world.world.principal, handle.run.id, "key-a");
  assert.deepEqual([run.status, run.startedAt], ["cancelled", null]);
  await world.runs.settle();
  await world.world.deps.acts.settled();
  await world.runs.sweep();
  assert.deepEqual(await world.world.driver.list(), []);
  await world.close();
});

test("an endpoint's bound holds, those that wait begin in order, and beyond the queue comes queue_full with a time to wait", async () => {
  const { world, endpoint } = await boundWorld({ max_concurrency: 2 });
  const order: string[] = [];
  const handles = [];
  for (let index = 0; index < 102; index += 1) {
    const handle = await world.runs.start(requestOf(world, endpoint, `echo ${index}; sleep 0.005`));
    handles.push(handle);
    void handle.ended.then((run) => order.push(run.id));
  }
  await assert.rejects(world.runs.start(requestOf(world, endpoint, "true")), (error) => {
    assert.ok(error instanceof CapsuledError && error.code === "queue_full");
    return typeof error.details?.["retry_after"] === "number" && error.details["retry_after"] >= 1;
  });
  assert.equal(handles.filter(({ run }) => run.status === "running").length, 2);
  const runs = await Promise.all(handles.map(({ ended }) => ended));
  const started = runs.map(({ startedAt }) => startedAt ?? 0);
  assert.deepEqual(
    started,
    started.toSorted((left, right) => left - right),
  );
  for (let at = 2; at < runs.length; at += 1) {
    const before = runs.slice(0, at).filter((run) => (run.endedAt ?? 0) > (runs[at]?.startedAt ?? 0) + 1).length;
    assert.ok(before <= 2, `${before} ran beside number ${at}`);
  }
  assert.ok(runs.every(({ status }) => status === "succeeded"));
  await world.close();
});

test("a caller waits for its turn as long as its command may take, and no longer", async () => {
  const { world, endpoint } = await boundWorld({ max_concurrency: 1, timeout: 1 });
  const long = await putEndpoint(world, { capsule: "web", max_concurrency: 1, timeout: 100 });
  const holder = await world.runs.start(requestOf(world, { ...long, id: endpoint.id }, "sleep 1000"));
  const late = await outcome(world, endpoint, "true");
  assert.deepEqual([late.status, late.reason], ["error", "queue_timeout"]);
  await world.runs.cancel(world.world.principal, holder.run.id, "key-a");
  await world.close();
});

test("a named run is begun once: of many that come at once all get the same, also later and after its end, and another request is a conflict", async () => {
  const { world, endpoint } = await boundWorld();
  const request = requestOf(world, endpoint, "echo once", { dedupe: { name: "key/a", fingerprint: "f" } });
  const handles = await Promise.all(Array.from({ length: 10 }, () => world.runs.start(request)));
  assert.equal(new Set(handles.map(({ run }) => run.id)).size, 1);
  assert.equal(handles.filter(({ isNew }) => isNew).length, 1);
  for (const handle of handles) assert.equal((await readAll(handle)).stdout, "once\n");
  await world.runs.settle();
  const again = await world.runs.start(request);
  assert.deepEqual([again.isNew, again.run.status, (await readAll(again)).stdout], [false, "succeeded", "once\n"]);
  const another = { ...request, dedupe: { name: "key/a", fingerprint: "g" } };
  const told = { code: "idempotency_conflict", details: { run_id: again.run.id } };
  await assert.rejects(world.runs.start(another), told);
  await assert.rejects(world.runs.start({ ...another, keyId: null }), { code: "idempotency_conflict", details: null });
  const other = await putEndpoint(world, { capsule: "web" });
  assert.equal((await world.runs.start({ ...request, endpoint: other })).isNew, true);
  await world.close();
});

test("runs are found by their team and their endpoint only, listed, and the latest is known", async () => {
  const { world, endpoint } = await boundWorld();
  const { principal } = world.world;
  const first = await outcomeOf(world, endpoint, "true");
  world.world.clock.advance(1000);
  const second = await outcomeOf(world, endpoint, "exit 1");
  const all = { endpoint: null, status: null, source: null, limit: 10, cursor: null };
  assert.deepEqual(
    (await world.runs.list(principal, all)).items.map(({ id }) => id),
    [second.id, first.id],
  );
  assert.equal((await world.runs.latest(endpoint.id))?.id, second.id);
  assert.equal((await world.runs.find(endpoint.id, first.id))?.run.id, first.id);
  assert.equal(await world.runs.find("ep-other", first.id), undefined);
  for (const id of ["run-none", "a\0", "", `run-${"0".repeat(25)}`]) {
    assert.equal(await world.runs.find(endpoint.id, id), undefined);
    await assert.rejects(world.runs.get(principal, id), { code: "not_found" });
  }
  await assert.rejects(world.runs.get({ ...principal, teamId: "team-x" }, first.id), { code: "not_found" });
  await world.close();
});

async function outcomeOf(world: RunWorld, endpoint: EndpointRecord, script: string): Promise<RunRecord> {
  const run = await (await world.runs.start(requestOf(world, endpoint, script))).ended;
  await world.runs.settle();
  return run;
}

test("who has just called finds the run in the list, and of a run under way how much it has printed", async () => {
  const { world, endpoint } = await boundWorld();
  const { principal } = world.world;
  const handle = await world.runs.start(requestOf(world, endpoint, "echo hello; echo err >&2; sleep 1000"));
  const reader = handle.read({ stdout: 0, stderr: 0 });
  let seen = 0;
  while (seen < 10) {
    const item = await reader.next(5000);
    if (item?.kind === "output") seen += item.bytes.length;
  }
  reader.close();
  const { run } = await world.runs.get(principal, handle.run.id);
  assert.deepEqual([run.status, run.stdoutBytes, run.stderrBytes], ["running", 6, 4]);
  await world.runs.cancel(principal, run.id, "key");
  const ended = await handle.ended;
  const all = { endpoint: null, status: null, source: null, limit: 10, cursor: null };
  assert.deepEqual((await world.runs.list(principal, all)).items, [ended]);
  await world.close();
});

test("collecting keeps the head, and says that there is more", async () => {
  const { world, endpoint } = await boundWorld();
  const handle = await world.runs.start(requestOf(world, endpoint, "seq 100000"));
  const { run, output } = await world.runs.collect(handle, "both", 1000);
  assert.deepEqual([output.bytes.length, output.isTruncated, run.stdoutBytes], [1000, true, 588_895]);
  const whole = await world.runs.collect(handle, "stdout", 1_000_000);
  const expected = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join("");
  assert.ok(Buffer.from(whole.output.bytes).toString() === expected, `${whole.output.bytes.length} bytes`);
  await world.runs.settle();
  assert.deepEqual(await world.deps.files.list(), [run.id]);
  assert.equal((await readAll(await world.runs.get(world.world.principal, run.id), { stdout: 588_889, stderr: 0 })).stdout, "00000\n");
  await world.close();
});

test("a capsule that is destroyed, stopped or lost under a run ends it, and says so", async () => {
  for (const [how, reason] of [
    ["destroy", "capsule_destroyed"],
    ["stop", "capsule_stopped"],
    ["crash", "agent_lost"],
  ] as const) {
    const { world, capsule, endpoint } = await boundWorld();
    const { principal, capsules } = world.world;
    const handle = await world.runs.start(requestOf(world, endpoint, "echo begun; sleep 1000"));
    const reader = handle.read({ stdout: 0, stderr: 0 });
    assert.equal((await reader.next(5000))?.kind, "output");
    if (how === "crash") world.world.driver.host.crash(capsule.id);
    else await capsules[how](principal, capsule.id);
    const { stdout, run } = await readAll(handle);
    assert.deepEqual([stdout, run.status, run.reason], ["begun\n", "error", reason], how);
    assert.ok(run.error !== null);
    await world.close();
  }
});

test("while the database is gone a call to a bound capsule is answered, and stored once it is back; what must be stored first is refused", async () => {
  let isGone = false;
  const { world, endpoint } = await boundWorld();
  const { store } = world.deps;
  const gone = async (): Promise<never> => {
    throw new StoreUnavailableError("gone");
  };
  const flaky = createRunService({
    ...world.deps,
    store: {
      ...store,
      save: (writes) => (isGone ? gone() : store.save(writes)),
      insert: (writes) => (isGone ? gone() : store.insert(writes)),
    },
  });
  isGone = true;
  const handle = await flaky.start(requestOf(world, endpoint, "echo hello"));
  const { run, output } = await flaky.collect(handle, "stdout", 100);
  assert.equal(Buffer.from(output.bytes).toString(), "hello\n");
  await assert.rejects(flaky.start(requestOf(world, endpoint, "true", { mode: "async" })), StoreUnavailableError);
  await flaky.settle();
  assert.equal(await store.find(run.id), undefined);
  const fresh = await putEndpoint(world, {});
  const { status, reason } = await (await flaky.start(requestOf(world, fresh, "true"))).ended;
  assert.deepEqual([status, reason], ["error", "unavailable"]);
  isGone = false;
  while ((await store.find(run.id)) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await store.find(run.id))?.status, "succeeded");
  assert.deepEqual(await world.world.driver.list().then((found) => found.length), 1);
  await flaky.close();
  await world.close();
});

test("a server that ends takes no more runs", async () => {
  const { world, endpoint } = await boundWorld();
  await world.runs.close();
  await assert.rejects(world.runs.start(requestOf(world, endpoint, "true")), { code: "shutting_down" });
  await world.close();
});
