import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fault } from "../../drivers/fake/script.ts";
import { CREATE } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { CapsuledError } from "../fail.ts";
import { Reconciler } from "./reconcile.ts";
import type { CapsuleState } from "./state.ts";

const CALLS = ["create", "pause", "resume", "stop", "start", "destroy", "ping", "exec", "crash"] as const;
type Call = { readonly do: (typeof CALLS)[number]; readonly on: number };
type Step = Call | { readonly do: "restart" | "reboot" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom(...CALLS),
      on: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: "restart" }, { do: "reboot" }) },
);

const fault: fc.Arbitrary<Fault> = fc
  .record({
    at: fc.constantFrom(
      "launch" as const,
      "recover" as const,
      "list" as const,
      "pause" as const,
      "resume" as const,
      "stop" as const,
      "destroy" as const,
      "openAgent" as const,
    ),
    kind: fc.constantFrom("fail" as const, "lost_reply" as const, "debris" as const),
    nth: fc.integer({ min: 1, max: 6 }),
  })
  .map((given) => given);

/** Errors that a caller may see when a driver fails under it. */
const BEARABLE = new Set(["invalid_state", "not_found", "agent_error", "host_full", "unavailable", "internal_error"]);

async function bear(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CapsuledError) assert.ok(BEARABLE.has(error.code), `${error.code}: ${error.message}`);
    else assert.equal(error instanceof Error ? error.name : error, "ScriptedFailure");
  }
}

async function perform(world: World, ids: string[], given: Call): Promise<void> {
  if (given.do === "create") {
    const made = await world.capsules.create(world.principal, CREATE).catch((error: unknown) => void bear(Promise.reject(error)));
    if (made !== undefined) ids.push(made.record.id);
    return;
  }
  const id = ids[given.on % Math.max(ids.length, 1)];
  if (id === undefined) return;
  const { capsules, processes, principal } = world;
  switch (given.do) {
    case "pause":
      return bear(capsules.pause(principal, id));
    case "resume":
      return bear(capsules.resume(principal, id, 4000));
    case "stop":
      return bear(capsules.stop(principal, id));
    case "start":
      return bear(capsules.start(principal, id, 4000));
    case "destroy":
      return bear(capsules.destroy(principal, id));
    case "ping":
      return bear(capsules.ping(principal, id));
    case "exec":
      return bear(runEcho(world, id, processes));
    case "crash":
      world.driver.host.crash(id);
      return;
  }
}

/** Milliseconds after which whoever asked for a command goes away. */
const FROZEN_MS = 2000;

async function runEcho(world: World, id: string, processes: World["processes"]): Promise<void> {
  const outcome = await processes.exec(
    world.principal,
    id,
    { cmd: "echo", args: ["hello"] } as Parameters<typeof processes.exec>[2],
    // One that a pause froze goes on at a resume, which may not come.
    AbortSignal.timeout(FROZEN_MS),
  );
  assert.equal(outcome.kind, "ended");
  if (outcome.kind === "ended" && outcome.end.reason === "exited") assert.equal(Buffer.from(outcome.stdout).toString(), "hello\n");
}

const AT_REST: readonly CapsuleState[] = ["running", "paused", "stopped", "destroyed", "error"];

/** What must hold once no act is under way and the reconciler has looked twice. */
async function checkRest(world: World, ids: readonly string[]): Promise<void> {
  const machines = new Map((await listInPeace(world)).map((found) => [found.capsuleId, found.state]));
  for (const id of ids) {
    const record = await world.deps.store.find(id);
    assert.ok(record !== undefined);
    assert.ok(AT_REST.includes(record.state), `${id} rests in ${record.state}`);
    const machine = machines.get(id);
    if (record.state === "running" || record.state === "paused") {
      assert.equal(machine, record.state, `${id} is ${record.state}`);
      assert.ok(world.deps.live.get(id) !== undefined, `${id} is held`);
      assert.equal(record.endedAt, null);
    } else {
      assert.ok(machine === undefined || machine === "gone", `${id} is ${record.state} and its machine ${machine}`);
      assert.equal(world.deps.live.get(id), undefined, `${id} is held though ${record.state}`);
      assert.notEqual(record.reason, null, `${id} is ${record.state} without a reason`);
      assert.notEqual(record.endedAt, null);
    }
    if (record.state === "destroyed") assert.equal(machine, undefined, `${id} is destroyed and something of it is left`);
    machines.delete(id);
  }
}

async function listInPeace(world: World): Promise<Awaited<ReturnType<World["driver"]["list"]>>> {
  for (let tries = 0; tries < 8; tries += 1) {
    try {
      return await world.driver.list();
    } catch (error) {
      assert.equal(error instanceof Error ? error.name : error, "ScriptedFailure");
    }
  }
  return world.driver.list();
}

/** Ticks past the reconciler's grace until the scripted faults (each strikes once) are used up. */
async function reconcile(world: World): Promise<void> {
  const reconciler = new Reconciler(world.deps);
  for (let tick = 0; tick < 40; tick += 1) {
    await reconciler.tick().catch(() => {});
    await world.deps.acts.settled();
    world.clock.advance(61_000);
  }
}

test("whatever callers ask, drivers fail at and servers die in, every capsule comes to rest as its row says, and can be destroyed without a trace", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, fc.boolean()), { maxLength: 14 }),
      fc.array(fault, { maxLength: 4 }),
      async (steps, faults) => {
        let world = await createWorld({ script: { faults } });
        const ids: string[] = [];
        try {
          const together: Promise<void>[] = [];
          for (const [given, alone] of steps) {
            if (!("on" in given)) {
              await Promise.all(together.splice(0));
              if (given.do === "reboot") world.driver.host.reboot();
              world = await world.restart({});
              continue;
            }
            together.push(perform(world, ids, given));
            if (alone) await Promise.all(together.splice(0));
          }
          await Promise.all(together);
          await world.deps.acts.settled();
          await reconcile(world);
          await checkRest(world, ids);
          for (const id of ids) {
            for (let tries = 0; tries < 8 && (await world.deps.store.find(id))?.state !== "destroyed"; tries += 1)
              await bear(world.capsules.destroy(world.principal, id));
          }
          await reconcile(world);
          await checkRest(world, ids);
          assert.deepEqual(await listInPeace(world), []);
        } finally {
          await world.close();
        }
      },
    ),
    { numRuns: Number(process.env["CAPSULED_TEST_RUNS"] ?? 60) },
  );
});
