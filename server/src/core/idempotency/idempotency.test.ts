import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nodeHash } from "../../lib/node/hash.ts";
import { createIds } from "../../lib/node/ids.ts";
import { createSeededIds } from "../../lib/node/seeded-ids.ts";
import { createSealer } from "../../store/sealer.ts";
import { textForm } from "../../testing/ask.ts";
import { MemoryIdempotencyStore } from "../../testing/memory-idempotency-store.ts";
import type { Principal } from "../access/principal.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import { CapsuledError, fail } from "../fail.ts";
import { canonicalJson } from "./canonical.ts";
import { createIdempotencyService, LEASE_MS, WAIT_MS_MAX } from "./create-idempotency-service.ts";
import type { AnswerForm, IdempotencyService, Intent } from "./service.ts";

const principal: Principal = { keyId: "key-a", teamId: "team-a", role: "member", isFirstTeam: false };
const other: Principal = { ...principal, teamId: "team-b" };

function setUp(store = new MemoryIdempotencyStore(), holder = "host/1", clock = { time: 1_000_000 }) {
  const service = createIdempotencyService({
    store,
    sealer: createSealer(new Uint8Array(32)),
    clock: { now: () => clock.time },
    ids: createIds(),
    seededIds: createSeededIds,
    hash: nodeHash,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    holder,
  });
  return { store, service, clock };
}

function ask(
  service: IdempotencyService,
  act: (intent: Intent) => Promise<string>,
  given: { key?: string; request?: string; body?: unknown; caller?: Principal; form?: AnswerForm<string> } = {},
): Promise<{ value: string; isReplayed: boolean }> {
  const named = { key: given.key ?? "key", request: given.request ?? "POST /v1/x", body: given.body ?? { a: 1 } };
  return service.run(given.caller ?? principal, named, act, given.form ?? textForm);
}

test("of 50 that come at once one acts, and all get its answer", async () => {
  const { service } = setUp();
  let acts = 0;
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      ask(service, async () => {
        acts += 1;
        await new Promise((resolve) => setImmediate(resolve));
        return "done";
      }),
    ),
  );
  assert.equal(acts, 1);
  assert.ok(answers.every(({ value }) => value === "done"));
  assert.equal(answers.filter(({ isReplayed }) => !isReplayed).length, 1);
});

test("of 50 that come at once to two servers one acts", async () => {
  const first = setUp();
  const second = setUp(first.store, "other/1", first.clock);
  let acts = 0;
  const act = async (): Promise<string> => {
    acts += 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return "done";
  };
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(index % 2 === 0 ? first.service : second.service, act)));
  assert.equal(acts, 1);
  assert.ok(answers.every(({ value }) => value === "done"));
});

test("another body, and another request, is a conflict that says which; another team's key is another key", async () => {
  const { service } = setUp();
  await ask(service, async () => "done");
  await assert.rejects(
    ask(service, async () => "no", { body: { a: 2 } }),
    (error) => {
      assert.ok(error instanceof CapsuledError);
      assert.deepEqual(
        [error.code, error.details?.["differs"], error.details?.["first_request"]],
        ["idempotency_conflict", "body", "POST /v1/x"],
      );
      return true;
    },
  );
  await assert.rejects(
    ask(service, async () => "no", { request: "POST /v1/y" }),
    (error) => {
      assert.ok(error instanceof CapsuledError);
      return error.details?.["differs"] === "request";
    },
  );
  assert.deepEqual(await ask(service, async () => "other", { caller: other, body: { a: 2 } }), { value: "other", isReplayed: false });
});

test("a conflict is told at once, also while the first is under way", async () => {
  const { service } = setUp();
  const gate = Promise.withResolvers<void>();
  const first = ask(service, async () => {
    await gate.promise;
    return "done";
  });
  await assert.rejects(
    ask(service, async () => "no", { body: { a: 2 } }),
    { code: "idempotency_conflict" },
  );
  gate.resolve();
  await first;
});

test("a repeat waits for the first for a bounded time, and then says that it is in progress", async (t) => {
  const { service } = setUp();
  const gate = Promise.withResolvers<void>();
  const first = ask(service, async () => {
    await gate.promise;
    return "done";
  });
  // A whole number: with a fraction the wait may come out a little longer than what is ticked.
  const now = Math.ceil(performance.now());
  t.mock.method(performance, "now", () => now);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const repeat = assert.rejects(
    ask(service, async () => "no"),
    { code: "idempotency_in_progress" },
  );
  t.mock.method(performance, "now", () => now + WAIT_MS_MAX);
  t.mock.timers.tick(WAIT_MS_MAX);
  await repeat;
  gate.resolve();
  await first;
});

test("an error that a repeat can only get again is kept; one that says try again is not; one that nobody knows the outcome of is continued", async () => {
  const kinds = [
    { error: fail("not_found", "No.", { details: { field: "template" } }), second: "kept" },
    { error: fail("invalid_state"), second: "kept" },
    { error: fail("host_full"), second: "new" },
    { error: fail("quota_exceeded"), second: "new" },
    { error: fail("agent_error"), second: "continued" },
    { error: fail("unavailable"), second: "continued" },
    { error: new Error("a mistake"), second: "continued" },
    { error: fail("timeout"), second: "done" },
  ] as const;
  for (const { error, second } of kinds) {
    const { service } = setUp();
    await assert.rejects(
      ask(service, async () => {
        throw error;
      }),
      error,
    );
    let stage: string | null = null;
    const repeat = ask(service, async (intent) => {
      stage = intent.stage;
      return "now";
    });
    if (second === "kept")
      await assert.rejects(
        repeat,
        (again) => again instanceof CapsuledError && again.code === error.code && again.message === error.message,
      );
    else assert.equal((await repeat).value, "now");
    assert.equal(stage, second === "kept" ? null : second, error.message);
  }
});

test("what a server left behind when it died is continued at once by its next life, with the same ids and secrets", async () => {
  const first = setUp();
  const made: string[][] = [];
  const act = async ({ ids }: Intent): Promise<string> => {
    made.push([ids.next("cl"), ids.hex(40), ids.next("pr")]);
    if (made.length === 1) await new Promise(() => {});
    return "done";
  };
  void ask(first.service, act);
  await new Promise((resolve) => setImmediate(resolve));
  const next = setUp(first.store, "host/2", first.clock);
  assert.deepEqual(await ask(next.service, act), { value: "done", isReplayed: false });
  assert.deepEqual(made[1], made[0]);
  assert.equal((await ask(next.service, act, { key: "another" })).value, "done");
  assert.notDeepEqual(made[2], made[0]);
});

test("what another host's server holds is left to it until its word of life runs out", async () => {
  const first = setUp();
  void ask(first.service, () => new Promise<string>(() => {}));
  await new Promise((resolve) => setImmediate(resolve));
  const second = setUp(first.store, "other/1", first.clock);
  let acts = 0;
  const repeat = ask(second.service, async () => {
    acts += 1;
    return "taken over";
  });
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(acts, 0);
  first.clock.time += LEASE_MS;
  assert.equal((await repeat).value, "taken over");
});

test("an answer that is not kept is made anew for each repeat, and never acted for again", async () => {
  const { service } = setUp();
  const form: AnswerForm<string> = { render: () => null, parse: () => "never" };
  const stages: string[] = [];
  const act = async ({ stage }: Intent): Promise<string> => {
    stages.push(stage);
    return stage;
  };
  const answers = [await ask(service, act, { form }), await ask(service, act, { form }), await ask(service, act, { form })];
  assert.deepEqual(stages, ["new", "done", "done"]);
  assert.deepEqual(
    answers.map(({ isReplayed }) => isReplayed),
    [false, true, true],
  );
});

test("nothing that is stored can be read without the key's own value", async () => {
  const { service, store } = setUp();
  await ask(service, async () => "wrn_secret", { key: "my key" });
  const [row] = [...store.rows.values()];
  assert.ok(row !== undefined && row.sealedAnswer !== null);
  assert.equal(JSON.stringify(row).includes("wrn_secret"), false);
  assert.equal(JSON.stringify(row).includes("my key"), false);
  const sealer = createSealer(new Uint8Array(32));
  for (const context of [`idempotency:${row.teamId}:other:answer`, `idempotency:team-b:my key:answer`, row.keyHash]) {
    const sealed = row.sealedAnswer;
    assert.throws(() => sealer.open(sealed, context));
  }
});

test("a database that goes away in between fails the call and loses nothing: the next repeat continues", async () => {
  const { service, store } = setUp();
  store.failure = new StoreUnavailableError("down");
  await assert.rejects(
    ask(service, async () => "no"),
    StoreUnavailableError,
  );
  store.failure = null;
  const answer = await ask(service, async () => {
    store.failure = new StoreUnavailableError("down");
    return "done";
  });
  assert.deepEqual(answer, { value: "done", isReplayed: false }, "its caller gets the answer though it cannot be kept");
  store.failure = null;
  let stage = "";
  await ask(service, async (intent) => {
    stage = intent.stage;
    return "done";
  });
  assert.equal(stage, "continued");
});

test("keys that are empty, too long or not printable ASCII are refused by name", async () => {
  const { service, store } = setUp();
  for (const key of ["", " ", "a\n", "é", "a".repeat(256), " a", "a ", "a\u0000b", "x".repeat(10_000)]) {
    await assert.rejects(
      ask(service, async () => "no", { key }),
      (error) => {
        assert.ok(error instanceof CapsuledError);
        return error.code === "invalid_request" && error.details?.["field"] === "Idempotency-Key";
      },
    );
  }
  for (const key of ["a", "a b", '"quoted"', "~".repeat(255)]) assert.equal((await ask(service, async () => key, { key })).value, key);
  assert.equal(store.rows.size, 4);
});

test("bodies that say the same have the same fingerprint, whatever the order of their fields", () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([name, inner]) => [name, shuffled(inner)]),
    );
  };
  fc.assert(fc.property(fc.jsonValue(), (value) => canonicalJson(value) === canonicalJson(shuffled(value))));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => JSON.stringify(JSON.parse(canonicalJson(value))).length === JSON.stringify(value).length),
  );
  assert.notEqual(canonicalJson({ a: [1, 2] }), canonicalJson({ a: [2, 1] }));
  assert.notEqual(canonicalJson({ a: "1" }), canonicalJson({ a: 1 }));
});
