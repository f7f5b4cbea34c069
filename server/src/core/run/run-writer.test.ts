import assert from "node:assert/strict";
import { test } from "node:test";
import { runRecord } from "../../store/testing/records.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import type { RunRecord } from "./record.ts";
import { RunWriter, WAITING_BYTES_MAX, WAITING_RUNS_MAX } from "./run-writer.ts";
import type { RunWrite } from "./run-writer.ts";
import type { RunStore } from "./store.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function setUp() {
  const state = { isGone: false, poison: "", batches: [] as (readonly string[])[], saved: new Map<string, RunWrite>() };
  const refused = async (): Promise<never> => {
    throw new Error("not asked for here");
  };
  const store: RunStore = {
    async save(writes) {
      if (state.isGone) throw new StoreUnavailableError("gone");
      if (writes.some(({ run }) => run.id === state.poison)) throw new Error("a row that no store takes");
      state.batches.push(writes.map(({ run }) => run.id));
      for (const { run, output, notification = null } of writes) state.saved.set(run.id, { run, output, notification });
    },
    async insert(runs) {
      if (state.isGone) throw new StoreUnavailableError("gone");
      state.batches.push(runs.map(({ run }) => run.id));
      return new Map();
    },
    find: refused,
    findByDedupe: refused,
    output: refused,
    input: refused,
    list: refused,
    listOpen: refused,
    latestEnded: refused,
    removeOld: refused,
  };
  return { state, writer: new RunWriter(store, silent) };
}

const write = (run: RunRecord, packed?: Uint8Array): RunWrite => ({
  run,
  output: packed === undefined ? null : { kind: "inline", packed },
  notification: null,
});
const some = (count: number): RunRecord[] => Array.from({ length: count }, () => runRecord({ teamId: "team-a" }));

test("what comes together is stored together, a run's newest facts once, and who waits hears of it", async () => {
  const { state, writer } = setUp();
  const [a, b] = some(2);
  assert.ok(a !== undefined && b !== undefined);
  const told: boolean[] = [];
  writer.save(write(a));
  writer.save(write(b));
  writer.save(write({ ...a, status: "succeeded" }), (isStored) => told.push(isStored));
  await writer.flush();
  assert.deepEqual(
    state.batches.map((batch) => batch.length),
    [2],
  );
  assert.equal(state.saved.get(a.id)?.run.status, "succeeded");
  assert.deepEqual(told, [true]);
  const intents = some(50);
  await Promise.all(intents.map((run) => writer.insert(run, null)));
  assert.ok(state.batches.length <= 3, "intents that come at once are one transaction");
  await writer.close();
});

test("while the database is gone everything waits for it, within bounds of runs and bytes; new intents are refused at once", async () => {
  const { state, writer } = setUp();
  state.isGone = true;
  const large = new Uint8Array(64 * 1024);
  const runs = some(1500);
  for (const run of runs) writer.save(write(run, large));
  await assert.rejects(writer.insert(runRecord({ teamId: "team-a" }), null), StoreUnavailableError);
  await writer.flush();
  const givenUp: boolean[] = [];
  for (const run of some(WAITING_RUNS_MAX)) writer.save(write(run), (isStored) => isStored || givenUp.push(isStored));
  assert.ok(writer.size <= WAITING_RUNS_MAX, `${writer.size} wait`);
  assert.ok(writer.givenUp >= 1000, `${writer.givenUp} were given up, and that is counted`);
  state.isGone = false;
  while (writer.size > 0) {
    await writer.flush();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const kept = [...state.saved.values()].reduce((sum, { output }) => sum + (output?.kind === "inline" ? output.packed.length : 0), 0);
  assert.ok(kept <= WAITING_BYTES_MAX, `${kept} bytes waited`);
  await writer.close();
});

test("a row that no store takes stops no other", async () => {
  const { state, writer } = setUp();
  const runs = some(5);
  state.poison = runs[2]?.id ?? "";
  const told: boolean[] = [];
  for (const run of runs) writer.save(write(run), (isStored) => told.push(isStored));
  await writer.flush();
  assert.equal(state.saved.size, 4);
  assert.deepEqual(told, [true, true, false, true, true]);
  assert.equal(writer.givenUp, 1);
  await writer.close();
});
