import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreUnavailableError } from "../capsule/store.ts";
import type { LogEntry, LogFeed } from "../ports/agent-link.ts";
import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import { BATCH_ENTRIES_MAX, LogFollower, RETRY_MS_MAX } from "./log-follower.ts";
import type { LogBatch } from "./store.ts";

const HANDLE = { driver: "fake", version: 1, data: {} };

function entry(n: number): LogEntry {
  return { n, at: n, by: null, end: null, process: { id: `pr-${n}`, pid: n, tag: "", cmd: "true", args: [], startedAt: n } };
}

/** A follower over an agent and a store that the test plays. */
class Scene {
  readonly batches: LogBatch[] = [];
  readonly opened: { readonly from: number; readonly follow: boolean }[] = [];
  isPaused = false;
  /** What the store does with a batch; throws to fail it. */
  take: (batch: LogBatch) => boolean = () => true;
  /** What the store waits for before it takes a batch. */
  hold: Promise<void> = Promise.resolve();
  readonly follower: LogFollower;
  #onEntry: (entry: LogEntry) => void = () => {};
  #done = Promise.withResolvers<void>();
  #waiting: (() => void)[] = [];

  constructor(cursor = 1) {
    const importLog = async (batch: LogBatch): Promise<boolean> => {
      await this.hold;
      const isOurs = this.take(batch);
      this.batches.push(batch);
      this.#tell();
      return isOurs;
    };
    const log = (from: number, follow: boolean, onEntry: (each: LogEntry) => void): LogFeed => {
      this.opened.push({ from, follow });
      this.#onEntry = onEntry;
      this.#done = Promise.withResolvers<void>();
      this.#done.promise.catch(() => {});
      this.#tell();
      return {
        done: this.#done.promise,
        pause: () => void (this.isPaused = true),
        resume: () => void (this.isPaused = false),
        close: () => void (this.#onEntry = () => {}),
      };
    };
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    const processes = { importLog, find: async () => undefined, removeEnded: async () => 0 };
    const machine = {
      capsuleId: "cl-a",
      teamId: "team-a",
      handle: HANDLE,
      link: { log },
      cursor,
      asker: () => null,
      evidence: async () => null,
    };
    this.follower = new LogFollower({ processes, log: silent }, machine);
  }

  send(...entries: LogEntry[]): void {
    for (const each of entries) this.#onEntry(each);
  }

  end(error: Error | null): void {
    if (error === null) this.#done.resolve();
    else this.#done.reject(error);
  }

  /** Resolves once `isSo`. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  get stored(): readonly string[] {
    return this.batches.flatMap(({ entries }) => entries.map(({ process }) => process.id));
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

test("entries that come together are stored together, with the cursor behind the last one", async () => {
  const scene = new Scene(5);
  scene.follower.begin();
  assert.deepEqual(scene.opened, [{ from: 5, follow: true }]);
  scene.send(entry(4), entry(5), entry(5), entry(6));
  await scene.until(() => scene.batches.length === 1);
  assert.deepEqual(scene.stored, ["pr-5", "pr-6"]);
  assert.equal(scene.batches[0]?.cursor, 7);
  scene.follower.close();
});

test("a full batch paces the agent until it is stored", async () => {
  const scene = new Scene();
  scene.follower.begin();
  scene.send(...Array.from({ length: BATCH_ENTRIES_MAX }, (_, index) => entry(index + 1)));
  assert.equal(scene.isPaused, true);
  await scene.until(() => scene.batches.length === 1);
  await scene.follower.settle();
  assert.equal(scene.isPaused, false);
  assert.equal(scene.stored.length, BATCH_ENTRIES_MAX);
  scene.follower.close();
});

test("a batch that the database could not take is tried again, and nothing overtakes it", async () => {
  const scene = new Scene();
  let failures = 2;
  scene.take = () => {
    if (failures === 0) return true;
    failures -= 1;
    throw new StoreUnavailableError("down");
  };
  scene.follower.begin();
  scene.send(entry(1), entry(2));
  await scene.until(() => scene.batches.length === 1);
  scene.send(entry(3));
  await scene.follower.settle();
  assert.deepEqual(scene.stored, ["pr-1", "pr-2", "pr-3"]);
  scene.follower.close();
});

test("an entry that no database takes is left out, and those around it are stored", async () => {
  const scene = new Scene();
  scene.take = ({ entries }) => {
    if (entries.some(({ process }) => process.id === "pr-2")) throw new Error("value too long");
    return true;
  };
  scene.follower.begin();
  scene.send(entry(1), entry(2), entry(3));
  await scene.follower.settle();
  assert.deepEqual(scene.stored, ["pr-1", "pr-3"]);
  const cursors = scene.batches.map(({ entries, cursor }) => [entries.map(({ process }) => process.id).join(), cursor]);
  assert.deepEqual(
    cursors,
    [
      ["pr-1", 2],
      ["", 3],
      ["pr-3", 4],
    ],
    "the cursor never runs ahead of what is stored",
  );
  scene.follower.close();
});

test("a log that breaks off is read on from where it was; one that is shorter than what was read begins anew", async () => {
  const scene = new Scene();
  scene.follower.begin();
  scene.send(entry(1), entry(2));
  scene.end(new AgentLostError("gone"));
  await scene.until(() => scene.opened.length === 2);
  assert.equal(scene.opened[1]?.from, 3);
  scene.end(new AgentRefusal("invalid_offset", "beyond", "from"));
  await scene.until(() => scene.opened.length === 3);
  assert.equal(scene.opened[2]?.from, 1);
  scene.follower.close();
});

test("finish stores what waits and the rest of the log, and follows no more", async () => {
  const scene = new Scene();
  scene.follower.begin();
  scene.send(entry(1));
  const finished = scene.follower.finish();
  await scene.until(() => scene.opened.length === 2);
  assert.deepEqual(scene.opened[1], { from: 2, follow: false });
  scene.send(entry(2), entry(3));
  scene.end(null);
  await finished;
  assert.deepEqual(scene.stored, ["pr-1", "pr-2", "pr-3"]);
});

test("it stops by itself once the capsule has another machine, or none", async () => {
  const scene = new Scene();
  scene.take = () => false;
  scene.follower.begin();
  scene.send(entry(1));
  await scene.until(() => scene.batches.length === 1);
  await scene.follower.settle();
  scene.send(entry(2));
  scene.end(new AgentLostError("gone"));
  await scene.follower.settle();
  assert.equal(scene.batches.length, 1);
  assert.equal(scene.opened.length, 1);
});

test("a log that broke off is not followed again once it is to be finished, however long the store takes", async (t) => {
  const scene = new Scene();
  scene.follower.begin();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const storing = Promise.withResolvers<void>();
  scene.hold = storing.promise;
  scene.send(entry(1));
  scene.end(new AgentLostError("gone"));
  await new Promise<void>((resolve) => setImmediate(resolve));
  const finished = scene.follower.finish();
  t.mock.timers.tick(RETRY_MS_MAX);
  assert.deepEqual(scene.opened, [{ from: 1, follow: true }]);
  storing.resolve();
  await scene.until(() => scene.opened.length === 2);
  scene.end(null);
  await finished;
  assert.deepEqual(scene.opened[1], { from: 2, follow: false });
  assert.deepEqual(scene.stored, ["pr-1"]);
});
