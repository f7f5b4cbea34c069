import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createCapsule, CREATE, eventsOf, exec, jsonForm, textForm } from "../../testing/ask.ts";
import type { Death } from "../../testing/life.ts";
import { ServerDied } from "../../testing/life.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import type { EventRecord } from "../event/record.ts";
import { CapsuledError } from "../fail.ts";
import { Reconciler } from "./reconcile.ts";
import type { CapsuleState } from "./state.ts";

const CALLS = ["pause", "resume", "stop", "start", "destroy", "spawn", "spawn", "crash", "reboot"] as const;
type Call = { readonly do: (typeof CALLS)[number] | "create"; readonly on: number };

const call: fc.Arbitrary<Call> = fc.record({ do: fc.constantFrom("create" as const, ...CALLS), on: fc.nat(1) });
const death: fc.Arbitrary<Death> = fc.record({
  step: fc.integer({ min: 1, max: 40 }),
  when: fc.constantFrom("before" as const, "after" as const),
});

/** Which events may follow the last one that told of a capsule's state. */
const FOLLOWS: Readonly<Record<string, readonly string[]>> = {
  "capsule.created": ["capsule.running", "capsule.error", "capsule.stopped", "capsule.destroyed"],
  "capsule.running": ["capsule.paused", "capsule.stopped", "capsule.error", "capsule.destroyed"],
  "capsule.resumed": ["capsule.paused", "capsule.stopped", "capsule.error", "capsule.destroyed"],
  "capsule.paused": ["capsule.resumed", "capsule.stopped", "capsule.error", "capsule.destroyed"],
  "capsule.stopped": ["capsule.running", "capsule.stopped", "capsule.error", "capsule.destroyed"],
  "capsule.error": ["capsule.running", "capsule.stopped", "capsule.error", "capsule.destroyed"],
  "capsule.destroyed": [],
};

/** The state that a capsule at rest is in after its last event. */
const RESTS: Readonly<Record<string, CapsuleState>> = {
  "capsule.running": "running",
  "capsule.resumed": "running",
  "capsule.paused": "paused",
  "capsule.stopped": "stopped",
  "capsule.error": "error",
  "capsule.destroyed": "destroyed",
};

/** A caller with a script: what it asked for and got no answer to it asks for again, with the same key, of the server's next life. */
class Caller {
  world: World;
  readonly #deaths: Death[];
  readonly ids: string[] = [];
  readonly tags: string[] = [];
  #asked = 0;

  constructor(world: World, deaths: readonly Death[]) {
    this.world = world;
    this.#deaths = [...deaths];
  }

  async perform({ do: what, on }: Call): Promise<void> {
    this.#asked += 1;
    const key = `request-${this.#asked}`;
    for (;;) {
      try {
        await this.#ask(what, on, key);
      } catch (error) {
        if (!this.world.life.isDead) return assertBearable(error);
      }
      if (!this.world.life.isDead) return;
      await this.revive();
      // A host that was rebooted, or an agent that was killed, is not killed again.
      if (what === "crash" || what === "reboot") return;
    }
  }

  /** Starts servers until one lives through its start. */
  async revive(): Promise<void> {
    while (this.world.life.isDead) {
      const next = this.#deaths.shift();
      this.world = await this.world.restart(next === undefined ? {} : { death: next }).catch((error: unknown) => {
        assert.ok(error instanceof ServerDied, String(error));
        return this.world.restart({});
      });
    }
  }

  async #ask(what: Call["do"], on: number, key: string): Promise<void> {
    const { world } = this;
    const { principal, capsules } = world;
    if (what === "create") {
      const made = await world.idempotency.run(
        principal,
        { key, request: "create", body: {} },
        async (intent) => (await capsules.create(principal, CREATE, { intent })).record.id,
        textForm,
      );
      // Asked for again after an answer that was lost on its way: the same capsule.
      if (!this.ids.includes(made.value)) this.ids.push(made.value);
      return;
    }
    const id = this.ids[on % Math.max(1, this.ids.length)];
    if (id === undefined) return;
    switch (what) {
      case "pause":
        await capsules.pause(principal, id);
        return;
      case "resume":
        await capsules.resume(principal, id, 4000);
        return;
      case "stop":
        await capsules.stop(principal, id);
        return;
      case "start":
        await capsules.start(principal, id, 4000);
        return;
      case "destroy":
        return capsules.destroy(principal, id);
      case "crash":
        return world.driver.host.crash(id);
      case "reboot":
        world.driver.host.reboot();
        world.life.die();
        return;
      case "spawn": {
        const tag = `job-${key}`;
        if (!this.tags.includes(tag)) this.tags.push(tag);
        const named = { key, request: `spawn ${id}`, body: {} };
        await world.idempotency.run(
          principal,
          named,
          (intent) => exec(world, id, { cmd: "sleep", args: ["1000"], background: true, tag }, intent),
          jsonForm(isOutcome),
        );
        // Half of the starts are known to the store before anything else happens, the others are still on their way.
        if (on === 0) await imported(world, id);
      }
    }
  }
}

/** Waits for what the agent has told so far. */
async function imported(world: World, id: string): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  await world.deps.live.get(id)?.follower?.settle();
}

function isOutcome(value: unknown): value is Awaited<ReturnType<typeof exec>> {
  return typeof value === "object" && value !== null && "kind" in value;
}

function assertBearable(error: unknown): void {
  assert.ok(error instanceof CapsuledError, String(error));
  assert.ok(
    ["invalid_state", "not_found", "agent_error", "result_expired", "tag_in_use", "unavailable"].includes(error.code),
    `${error.code}: ${error.message}`,
  );
}

async function reconcile(world: World): Promise<void> {
  const reconciler = new Reconciler(world.deps);
  for (let tick = 0; tick < 4; tick += 1) {
    await reconciler.tick();
    await world.deps.acts.settled();
    world.clock.advance(61_000);
  }
  for (const live of world.deps.live.all()) await live.follower?.settle();
}

/** The events of one capsule are a life that can be lived, end in the state that the row is in, and tell of every process's end once. */
async function checkEvents(world: World, id: string, events: readonly EventRecord[]): Promise<void> {
  const own = events.filter(({ capsuleId }) => capsuleId === id);
  const states = own.filter(({ processId }) => processId === null).map(({ type }) => type);
  assert.equal(states[0], "capsule.created", states.join());
  for (const [index, type] of states.entries()) {
    const before = states[index - 1];
    if (before !== undefined) assert.ok(FOLLOWS[before]?.includes(type), `${before} → ${type} in ${states.join(" ")}`);
  }
  const record = await world.deps.store.find(id);
  assert.equal(record?.state, RESTS[states.at(-1) ?? ""], states.join(" "));
  const started = own.filter(({ type }) => type === "process.started").map(({ processId }) => processId);
  const ended = own.filter(({ type }) => type === "process.ended").map(({ processId }) => processId);
  assert.equal(new Set(started).size, started.length, "a start is told once");
  assert.equal(new Set(ended).size, ended.length, "an end is told once");
  const isOver = record?.state !== "running" && record?.state !== "paused";
  if (isOver) assert.deepEqual(new Set(ended), new Set(started), "every process has an end once its capsule does not run");
}

test("wherever servers die between their writes and acts, a retried request is done once, and events and ends are neither lost nor doubled", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 10 }),
      fc.array(death, { maxLength: 5 }),
      async (calls, [first, ...deaths]) => {
        const caller = new Caller(await createWorld(first === undefined ? {} : { death: first }), deaths);
        try {
          for (const each of [{ do: "create", on: 0 } as const, ...calls]) await caller.perform(each);
          caller.world.life.die();
          caller.world = await caller.world.restart({});
          await reconcile(caller.world);
          const { world } = caller;
          const events = await eventsOf(world);
          assert.deepEqual(
            events.map(({ id }) => id),
            events.map((_, index) => index + 1),
            "ids have no hole",
          );
          const created = events.filter(({ type }) => type === "capsule.created").map(({ capsuleId }) => capsuleId);
          assert.deepEqual(created, caller.ids, "one capsule for each request, and no other");
          for (const id of caller.ids) await checkEvents(world, id, events);
          for (const tag of caller.tags) {
            const starts = events.filter((event) => event.type === "process.started" && event.data.tag === tag);
            assert.ok(starts.length <= 1, `${tag} was started ${starts.length} times`);
          }
          for (const id of caller.ids) await world.capsules.destroy(world.principal, id);
          const after = await eventsOf(world);
          for (const id of caller.ids) await checkEvents(world, id, after);
        } finally {
          await caller.world.close();
        }
      },
    ),
    { numRuns: Number(process.env["CAPSULED_TEST_RUNS"] ?? 80) },
  );
});

test("the property has teeth: servers do die in it, before and after writes", async () => {
  const world = await createWorld({ death: { step: 3, when: "after" } });
  await assert.rejects(createCapsule(world), ServerDied);
  assert.equal(world.life.isDead, true);
  const next = await world.restart({});
  const [created] = await eventsOf(next);
  assert.equal(created?.type, "capsule.created", "the write was made, though its server did not live to know");
  await next.close();
});
