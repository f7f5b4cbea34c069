import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createCapsule } from "../../testing/ask.ts";
import type { Death } from "../../testing/life.ts";
import { ServerDied } from "../../testing/life.ts";
import type { RunWorld } from "../../testing/run-world.ts";
import { createRunWorld, putEndpoint, readAll, requestOf } from "../../testing/run-world.ts";
import { Reconciler } from "../capsule/reconcile.ts";
import type { EndpointRecord } from "../endpoint/record.ts";
import { CapsuledError } from "../fail.ts";
import type { RunRecord } from "./record.ts";
import { isEnded } from "./record.ts";

async function endedRun(world: RunWorld, id: string): Promise<RunRecord> {
  const run = await (await world.runs.get(world.world.principal, id)).ended;
  await world.runs.settle();
  assert.deepEqual(await world.deps.store.find(id), run);
  return run;
}

/** Lets what has been begun reach the agent and the store. */
async function begun(world: RunWorld, script: string): Promise<string> {
  const endpoint = await putEndpoint(world, { capsule: "web", timeout: 60 });
  const handle = await world.runs.start(requestOf(world, endpoint, script));
  const reader = handle.read({ stdout: 0, stderr: 0 });
  assert.equal((await reader.next(5000))?.kind, "output");
  await world.runs.settle();
  return handle.run.id;
}

test("a run goes on while no server runs, and the next one reads it to its end: no byte is missing, whatever it printed in between", async () => {
  let world = await createRunWorld();
  await createCapsule(world.world, { name: "web" });
  const id = await begun(world, "echo begun; sleep 0.05; seq 50000; exit 4");
  world = await world.restart();
  const handle = await world.runs.get(world.world.principal, id);
  const { stdout, run, gap } = await readAll(handle);
  assert.ok(stdout === `begun\n${Array.from({ length: 50_000 }, (_, index) => `${index + 1}\n`).join("")}`, `${stdout.length} bytes`);
  assert.deepEqual([run.status, run.exitCode, gap], ["failed", 4, { stdout: 0, stderr: 0 }]);
  assert.deepEqual((await readAll(handle, { stdout: 6, stderr: 0 })).stdout.slice(0, 4), "1\n2\n");
  assert.equal((await endedRun(world, id)).status, "failed");
  await world.close();
});

test("a run whose capsule went with its host, or whose end nobody saw, says so", async () => {
  let world = await createRunWorld();
  await createCapsule(world.world, { name: "web" });
  const id = await begun(world, "echo begun; sleep 1000");
  world.world.driver.host.reboot();
  world = await world.restart();
  const run = await endedRun(world, id);
  assert.deepEqual([run.status, run.reason], ["error", "host_restarted"]);
  await world.close();
});

test("runs that wait when the server dies begin after it is back, in their order; a caller's own that waits does not", async () => {
  let world = await createRunWorld();
  await createCapsule(world.world, { name: "web" });
  const endpoint = await putEndpoint(world, { capsule: "web", max_concurrency: 1 });
  const async = { mode: "async" } as const;
  const first = await world.runs.start(requestOf(world, endpoint, "echo begun >> /tmp/log; sleep 0.1", async));
  const waiting: string[] = [];
  for (const name of ["a", "b", "c"]) {
    world.world.clock.advance(1);
    waiting.push((await world.runs.start(requestOf(world, endpoint, `echo ${name} >> /tmp/log`, async))).run.id);
  }
  const own = await world.runs.start(requestOf(world, endpoint, "echo own >> /tmp/log"));
  await world.runs.settle();
  world = await world.restart();
  for (const id of [first.run.id, ...waiting]) assert.equal((await endedRun(world, id)).status, "succeeded");
  const lost = await endedRun(world, own.run.id);
  assert.deepEqual([lost.status, lost.reason], ["error", "server_lost"]);
  const log = await world.runs.start(requestOf(world, endpoint, "cat /tmp/log"));
  assert.equal((await readAll(log)).stdout, "begun\na\nb\nc\n", "each once, and the first was not begun again");
  await world.close();
});

test("a run goes on with the definition that it was called with, though its endpoint is gone", async () => {
  let world = await createRunWorld({ script: { latencyMs: { launch: 30 } } });
  const endpoint = await putEndpoint(world, {});
  const handle = await world.runs.start(requestOf(world, endpoint, "cat", { mode: "async", stdin: new TextEncoder().encode("in\0put") }));
  await world.world.database.run((db) => db.deleteFrom("endpoints").execute());
  world = await world.restart();
  const next = await world.runs.get(world.world.principal, handle.run.id);
  assert.equal((await readAll(next)).stdout, "in\0put");
  await world.close();
});

test("a notification is stored with the end of a run, also of one whose caller went with an earlier life of the server", async () => {
  let world = await createRunWorld();
  await createCapsule(world.world, { name: "web" });
  const endpoint = await putEndpoint(world, { capsule: "web", notify_url: "https://a.example/", notify_on: "failure" });
  const start = async (script: string): Promise<string> => {
    const handle = await world.runs.start(requestOf(world, endpoint, `echo begun; ${script}`));
    assert.equal((await handle.read({ stdout: 0, stderr: 0 }).next(5000))?.kind, "output");
    return handle.run.id;
  };
  const ids = [await start("exit 1"), await start("true"), await start("sleep 0.1; exit 1")];
  await world.runs.settle();
  world = await world.restart();
  for (const id of ids) await endedRun(world, id);
  const rows = await world.world.database.run((db) => db.selectFrom("notifications").select("run_id").execute());
  assert.deepEqual(new Set(rows.map(({ run_id }) => run_id)), new Set([ids[0], ids[2]]));
  await world.close();
});

const step = fc.record({
  mode: fc.constantFrom("wait" as const, "async" as const, "named" as const),
  fresh: fc.boolean(),
  script: fc.constantFrom("quick" as const, "slow" as const, "large" as const),
  then: fc.constantFrom("nothing" as const, "settle" as const, "destroy" as const, "wait" as const),
});
const death: fc.Arbitrary<Death> = fc.record({
  step: fc.integer({ min: 1, max: 60 }),
  when: fc.constantFrom("before" as const, "after" as const),
});

/** Each begin of a run leaves a line in its capsule: the name of the request. */
const SCRIPTS = { quick: "echo hello", slow: "sleep 0.02; echo hello", large: "seq 20000" } as const;

/** A caller with a script; what got no answer is asked for again of the server's next life, where it has a name. */
class Caller {
  world: RunWorld;
  readonly #deaths: Death[];
  readonly answered = new Map<string, { readonly id: string; readonly mode: string }>();
  #bound!: EndpointRecord;
  #fresh!: EndpointRecord;
  begins = 0;

  constructor(world: RunWorld, deaths: readonly Death[]) {
    this.world = world;
    this.#deaths = [...deaths];
  }

  async prepare(): Promise<void> {
    await createCapsule(this.world.world, { name: "web" });
    this.#bound = await putEndpoint(this.world, { capsule: "web", max_concurrency: 2 });
    this.#fresh = await putEndpoint(this.world, {});
  }

  async perform(index: number, { mode, fresh, script, then }: typeof step extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
    const name = `call-${index}`;
    for (;;) {
      const { world } = this;
      try {
        const request = requestOf(world, fresh ? this.#fresh : this.#bound, `echo ${name} >> /begins; ${SCRIPTS[script]}`, {
          mode: mode === "async" ? "async" : "wait",
          dedupe: mode === "named" ? { name: `key/${name}`, fingerprint: "f" } : null,
        });
        const handle = await world.runs.start(request);
        this.answered.set(name, { id: handle.run.id, mode });
        if (then === "wait") await Promise.race([handle.ended, new Promise((resolve) => setTimeout(resolve, 50))]);
        if (then === "settle") await world.runs.settle();
        if (then === "destroy" && handle.run.capsuleId !== null && handle.run.ownsCapsule)
          await world.world.capsules.destroy(world.world.principal, handle.run.capsuleId);
      } catch (error) {
        if (!world.world.life.isDead) {
          assert.ok(error instanceof CapsuledError, String(error));
          return;
        }
      }
      if (!world.world.life.isDead) return;
      await this.revive();
      if (mode !== "named" || this.answered.has(name)) return;
    }
  }

  async revive(): Promise<void> {
    while (this.world.world.life.isDead) {
      const next = this.#deaths.shift();
      this.world = await this.world.restart(next === undefined ? {} : { death: next }).catch((error: unknown) => {
        assert.ok(error instanceof ServerDied, String(error));
        return this.world.restart({});
      });
    }
  }
}

async function allRuns(world: RunWorld): Promise<readonly RunRecord[]> {
  const { items } = await world.runs.list(world.world.principal, { endpoint: null, status: null, source: null, limit: 1000, cursor: null });
  return items;
}

test("wherever servers die between their writes and acts: what was answered as stored has one end and was begun at most once, and no capsule of a run is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.array(death, { maxLength: 4 }), async (steps, deaths) => {
      const first = await createRunWorld();
      const caller = new Caller(first, deaths);
      await caller.prepare();
      caller.world.world.life.die();
      await caller.revive();
      try {
        for (const [index, each] of steps.entries()) await caller.perform(index, each);
        caller.world.world.life.die();
        caller.world = await caller.world.restart({});
        const { world } = caller;
        for (const { id } of await allRuns(world)) await (await world.runs.get(world.world.principal, id)).ended;
        await world.runs.settle();
        await world.runs.sweep();
        const reconciler = new Reconciler(world.world.deps);
        for (let tick = 0; tick < 3; tick += 1) {
          await reconciler.tick();
          await world.world.deps.acts.settled();
          world.world.clock.advance(61_000);
        }
        await checkRest(world, caller.answered);
      } finally {
        await caller.world.close();
      }
    }),
    { numRuns: Number(process.env["CAPSULED_TEST_RUNS"] ?? 60) },
  );
});

async function checkRest(world: RunWorld, answered: Caller["answered"]): Promise<void> {
  const runs = new Map((await allRuns(world)).map((run) => [run.id, run]));
  for (const [name, { id, mode }] of answered) {
    const run = runs.get(id);
    if (mode !== "wait") assert.ok(run !== undefined, `${name} was answered as stored, and is not there`);
  }
  const names = [...answered.values()].filter(({ mode }) => mode === "named").map(({ id }) => id);
  assert.equal(new Set(names).size, names.length);
  for (const run of runs.values()) {
    assert.ok(isEnded(run.status), `${run.id} rests ${run.status}`);
    assert.notEqual(run.endedAt, null);
    const { stdout, gap } = await readAll(await world.runs.get(world.world.principal, run.id));
    if (run.status === "succeeded") {
      const whole = stdout.length + gap.stdout;
      assert.equal(whole, run.stdoutBytes);
      assert.ok(run.stdoutBytes === 6 || run.stdoutBytes === 108_894, `${run.stdoutBytes} bytes`);
    }
  }
  assert.equal(world.runs.size, 0);
  const inputs = await world.world.database.run((db) => db.selectFrom("run_inputs").selectAll().execute());
  assert.deepEqual(inputs, []);
  const machines = await world.world.driver.list();
  const bound = await world.deps.capsuleStore.findNamed(world.world.principal.teamId, "web");
  assert.deepEqual(
    machines.map(({ capsuleId }) => capsuleId),
    [bound?.id],
    "only the capsule that is nobody's own is left",
  );
  const begins = await begunIn(world);
  assert.equal(new Set(begins).size, begins.length, `begun twice: ${begins.join(" ")}`);
}

/** The names of what was begun in the bound capsule. */
async function begunIn(world: RunWorld): Promise<readonly string[]> {
  const endpoint = await putEndpoint(world, { capsule: "web" });
  const { stdout } = await readAll(await world.runs.start(requestOf(world, endpoint, "cat /begins")));
  await world.runs.settle();
  return stdout.split("\n").filter((line) => line !== "");
}

test("a run whose input a dying server had not given gets it from the next one, once", async () => {
  const stdin = new TextEncoder().encode("line of input\n".repeat(2000));
  for (const dies of ["before", "after"] as const) {
    let world = await createRunWorld();
    await createCapsule(world.world, { name: "web" });
    const endpoint = await putEndpoint(world, { capsule: "web" });
    const { live } = world.deps;
    const opened = Promise.withResolvers<void>();
    for (const held of live.all()) {
      const open = held.link.open.bind(held.link);
      held.link.open = async (spec) => {
        const stream = await open(spec);
        // The process runs; whether its input comes before the server dies is what differs.
        if (dies === "before") Object.assign(stream, { sendStdin() {}, closeStdin() {} });
        opened.resolve();
        return stream;
      };
    }
    const handle = await world.runs.start(requestOf(world, endpoint, "sleep 0.2; cat", { mode: "async", stdin }));
    await opened.promise;
    await new Promise((resolve) => setImmediate(resolve));
    world = await world.restart();
    const next = await world.runs.get(world.world.principal, handle.run.id);
    assert.equal((await readAll(next)).stdout, new TextDecoder().decode(stdin), dies);
    assert.equal((await next.ended).status, "succeeded");
    await world.close();
  }
});
