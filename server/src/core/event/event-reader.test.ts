import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryEventStore } from "../../testing/memory-event-store.ts";
import type { Principal } from "../access/principal.ts";
import { createEventService } from "./create-event-service.ts";
import type { ReadItem } from "./event-reader.ts";
import { READ_MAX } from "./event-reader.ts";
import { EventSignal } from "./event-signal.ts";
import type { EventDraft } from "./record.ts";

const principal: Principal = { keyId: "key-a", teamId: "team-a", role: "member", isFirstTeam: false };

function draft(given: Partial<Pick<EventDraft, "teamId" | "capsuleId">> = {}): EventDraft {
  const head = { teamId: "team-a", capsuleId: "cl-a", processId: null, at: 1, ...given };
  return { ...head, actor: { type: "api_key", id: "key-a" }, type: "capsule.running", data: {} };
}

function setUp() {
  const store = new MemoryEventStore();
  const signal = new EventSignal();
  const service = createEventService({ store, signal });
  /** Stores an event and tells of it, as this server's own. */
  const commit = (given: Parameters<typeof draft>[0] = {}): number => {
    const { id, teamId } = store.add(draft(given));
    signal.signal(teamId);
    return id;
  };
  const open = (from: "now" | "start" | number, capsule: string | null = null) => service.open(principal, { capsule, type: null, from });
  return { store, signal, service, commit, open };
}

const ids = (items: readonly ReadItem[]): readonly (number | string)[] =>
  items.map((item) => (item.kind === "event" ? item.event.id : item.kind === "gap" ? `gap ${item.fromId}-${item.toId}` : "idle"));

test("a reader gets what is there, then what comes, each once and in order, and nothing of other teams", async () => {
  const { commit, open } = setUp();
  commit();
  commit({ teamId: "team-b" });
  commit();
  const reader = await open("start");
  assert.deepEqual(ids(await reader.next(1000)), [1, 3]);
  const coming = reader.next(1000);
  commit({ teamId: "team-b" });
  commit();
  assert.deepEqual(ids(await coming), [5]);
  reader.close();
});

test("`now` begins after the newest event, an id after that one, and an id that is yet to come is refused", async () => {
  const { commit, open } = setUp();
  commit();
  commit();
  const now = await open("now");
  const after = await open(1);
  assert.deepEqual(ids(await after.next(1000)), [2]);
  commit();
  assert.deepEqual(ids(await now.next(1000)), [3]);
  await assert.rejects(open(4), { code: "invalid_offset" });
  now.close();
  after.close();
});

test("an event that is committed while the reader looks is not slept through", async () => {
  const { store, commit, open } = setUp();
  const reader = await open("now");
  const look = store.readAfter.bind(store);
  let isFirst = true;
  store.readAfter = async (filter, position, limit) => {
    const found = await look(filter, position, limit);
    // Committed after the rows were read and before the reader goes to sleep.
    if (isFirst) commit();
    isFirst = false;
    return found;
  };
  assert.deepEqual(ids(await reader.next(60_000)), [1]);
  reader.close();
});

test("an event of another server is found by the next look, and no look is taken while nobody reads", async () => {
  const { store, signal, open } = setUp();
  let looks = 0;
  const latestId = (): Promise<number> => {
    looks += 1;
    return store.latestId();
  };
  await signal.look(latestId);
  assert.equal(looks, 0);
  const reader = await open("now");
  const coming = reader.next(60_000);
  store.add(draft());
  await signal.look(latestId);
  assert.deepEqual(ids(await coming), [1]);
  reader.close();
  await signal.look(latestId);
  assert.equal(looks, 1);
});

test("what was removed before it could be read is one gap, and reading goes on after it", async () => {
  const { store, commit, open } = setUp();
  for (let count = 0; count < 5; count += 1) commit();
  store.forget("team-a", 3);
  const reader = await open(1);
  assert.deepEqual(ids(await reader.next(1000)), ["gap 2-3", 4, 5]);
  store.forget("team-a", 5);
  assert.deepEqual(ids(await reader.next(20)), ["idle"], "what was read is not missed");
  commit();
  assert.deepEqual(ids(await reader.next(1000)), [6]);
  reader.close();
});

test("a gap is told also where nothing is left after it", async () => {
  const { store, commit, open } = setUp();
  commit();
  commit();
  store.forget("team-a", 2);
  const reader = await open("start");
  assert.deepEqual(ids(await reader.next(1000)), ["gap 1-2"]);
  assert.deepEqual(ids(await reader.next(20)), ["idle"]);
  reader.close();
});

test("a reader of one capsule moves on past the others' events, so that their removal is no gap to it", async () => {
  const { store, commit, open } = setUp();
  const reader = await open("start", "cl-b");
  for (let count = 0; count < 3; count += 1) commit();
  assert.deepEqual(ids(await reader.next(20)), ["idle"]);
  assert.equal(reader.position, 3);
  store.forget("team-a", 3);
  commit({ capsuleId: "cl-b" });
  assert.deepEqual(ids(await reader.next(1000)), [4]);
  reader.close();
});

test("one look takes a bounded number of events, and the rest comes with the next", async () => {
  const { commit, open } = setUp();
  for (let count = 0; count < READ_MAX + 2; count += 1) commit();
  const reader = await open("start");
  assert.equal((await reader.next(1000)).length, READ_MAX);
  assert.deepEqual(ids(await reader.next(1000)), [READ_MAX + 1, READ_MAX + 2]);
  reader.close();
});

test("closing wakes a reader that waits, and a failed look is taken again", async () => {
  const { store, commit, open } = setUp();
  const reader = await open("now");
  commit();
  const look = store.readAfter.bind(store);
  store.readAfter = async () => {
    throw new Error("down");
  };
  await assert.rejects(reader.next(1000), /down/);
  store.readAfter = look;
  assert.deepEqual(ids(await reader.next(1000)), [1]);
  const waiting = reader.next(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  reader.close();
  assert.deepEqual(await waiting, []);
});
