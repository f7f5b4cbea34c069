import { setTimeout as sleep } from "node:timers/promises";
import { eventPage, eventSchema } from "@capsuled/contract";
import type { z } from "zod";
import { readState } from "../harness/state.ts";
import { ask, ANSWER_MS_MAX } from "./ask.ts";
import { KEY_ARGUMENT } from "./producer.ts";
import type { World } from "./world.ts";

const AGAIN_MS = 50;
type Event = z.output<typeof eventSchema>;

/** Follows the team's events over all lives of the server, each time from the last id it had. */
export class EventFollower {
  readonly events: Event[] = [];
  readonly #world: World;
  readonly #stopped = new AbortController();
  #lastId: number;
  #ended: Promise<void> = Promise.resolve();

  constructor(world: World, lastId: number) {
    this.#world = world;
    this.#lastId = lastId;
  }

  begin(): void {
    this.#ended = this.#follow();
  }

  /** Waits until the event of this id has come, or it is clear that it does not; then leaves. */
  async end(lastId: number): Promise<void> {
    const until = performance.now() + ANSWER_MS_MAX / 4;
    while (this.#lastId < lastId && performance.now() < until && !this.#world.broken.aborted) await sleep(AGAIN_MS);
    this.#stopped.abort();
    await this.#ended;
  }

  async #follow(): Promise<void> {
    const signal = AbortSignal.any([this.#stopped.signal, this.#world.broken]);
    while (!signal.aborted) {
      try {
        const { url, adminKey } = readState();
        const headers = { "x-api-key": adminKey, "last-event-id": String(this.#lastId) };
        const response = await fetch(`${url}/v1/events/stream`, { headers, signal });
        if (response.status === 200 && response.body !== null) await this.#read(response.body);
        else if (response.status !== 503)
          this.#refuse("the events cannot be followed", { status: response.status, body: await response.text() });
      } catch {
        // cut off, or nobody there: come back with the last id
      }
      await sleep(AGAIN_MS);
    }
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const part of body) {
      text += decoder.decode(part, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        this.#take(text.slice(0, end).split("\n"));
        text = text.slice(end + 2);
      }
    }
  }

  #take(lines: readonly string[]): void {
    const field = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const data = field("data");
    const id = field("id");
    if (data !== undefined && field("event") === "gap") this.#refuse("a gap among the events", { data });
    else if (data !== undefined) this.events.push(eventSchema.parse(JSON.parse(data)));
    if (id !== undefined) this.#lastId = Number(id);
  }

  #refuse(what: string, facts: Readonly<Record<string, unknown>>): void {
    this.#world.ledger.answers.wrong += 1;
    this.#world.ledger.find("events", what, facts);
  }
}

/** The id of the newest event; 0 before the first. */
export async function newestEventId(world: World): Promise<number> {
  const { body } = await ask(world, "events", "listEvents", { query: { limit: "1" } });
  return eventPage.parse(body).items[0]?.id ?? 0;
}

async function listAfter(world: World, first: number): Promise<readonly Event[]> {
  const all: Event[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body } = await ask(world, "events", "listEvents", {
      query: { order: "asc", since: String(first), limit: "1000", ...(cursor === "" ? {} : { cursor }) },
    });
    const page = eventPage.parse(body);
    all.push(...page.items);
    cursor = page.next_cursor;
  }
  return all;
}

/**
 * Compares what was followed with what is listed and with what was done: ids without hole or repetition, one creation and one
 * destruction of each capsule and of no other, one start and one right end of each process.
 */
export async function auditEvents(world: World, follower: EventFollower, first: number): Promise<void> {
  await untilEnded(world);
  const newest = await newestEventId(world);
  await follower.end(newest);
  const listed = await listAfter(world, first);
  const { events: counts } = world.ledger;
  counts.expected += newest - first;
  const seen = new Map<number, number>();
  for (const { id } of follower.events) seen.set(id, (seen.get(id) ?? 0) + 1);
  for (let id = first + 1; id <= newest; id += 1) {
    const times = seen.get(id) ?? 0;
    if (times === 1) continue;
    if (times === 0) counts.lost += 1;
    else counts.doubled += times - 1;
    world.ledger.find("events", "an event did not come once", { id, times });
  }
  const byId = new Map(follower.events.map((event) => [event.id, JSON.stringify(event)]));
  if (listed.length !== newest - first || listed.some((event) => byId.get(event.id) !== JSON.stringify(event))) {
    counts.lost += Math.max(1, newest - first - listed.length);
    world.ledger.find("events", "the list is not what was followed", { listed: listed.length, newest, first });
  }
  auditCapsules(world, listed);
  auditProcesses(world, listed);
}

/** The last entries of the agents' logs may be on their way yet. */
async function untilEnded(world: World): Promise<void> {
  let before = -1;
  for (let now = await newestEventId(world); now !== before; now = await newestEventId(world)) {
    before = now;
    await sleep(500);
  }
}

function auditCapsules(world: World, events: readonly Event[]): void {
  const { ledger, known } = world;
  for (const [type, count] of [
    ["capsule.created", ledger.capsules],
    ["capsule.destroyed", null],
  ] as const) {
    const ids = events.filter((event) => event.type === type).map(({ capsule_id }) => capsule_id);
    for (const id of new Set([...ids, ...known.capsules])) {
      const times = ids.filter((each) => each === id).length;
      if (times === 1 && known.capsules.has(id)) continue;
      if (count !== null && (times > 1 || !known.capsules.has(id))) count.doubled += 1;
      else ledger.capsules.wrong += 1;
      ledger.find("events", `${type} of a capsule is not there once, or nobody made it`, { id, times, known: known.capsules.has(id) });
    }
  }
}

function auditProcesses(world: World, events: readonly Event[]): void {
  const { ledger, known } = world;
  const starts = new Map<string, string[]>();
  const ends = new Map<string, Extract<Event, { type: "process.ended" }>[]>();
  for (const event of events) {
    if (event.process_id === null) continue;
    if (event.type === "process.started") {
      const key = event.data.args[KEY_ARGUMENT] ?? "";
      starts.set(key, [...(starts.get(key) ?? []), event.process_id]);
    } else if (event.type === "process.ended") ends.set(event.process_id, [...(ends.get(event.process_id) ?? []), event]);
  }
  for (const [key, ids] of starts) {
    if (key === "" || ids.length === 1 || !/^s\d/.test(key)) continue;
    ledger.starts.doubled += ids.length - 1;
    ledger.find("events", "a process was started more than once", { key, ids });
  }
  for (const [id, { key, end, hasEvents }] of known.byId) {
    if (!hasEvents) continue;
    const ended = ends.get(id) ?? [];
    const [one] = ended;
    const isStarted = starts.get(key)?.includes(id) === true;
    const isRight = end === null || (one?.data.reason === end.reason && one.data.exit_code === end.exitCode);
    if (isStarted && ended.length === 1 && isRight) continue;
    if (!isStarted) ledger.starts.lost += 1;
    if (ended.length !== 1 || !isRight) ledger.exits.wrong += 1;
    ledger.find("events", "a process's events are not one start and one right end", {
      id,
      key,
      isStarted,
      ends: ended.map(({ data }) => `${data.reason} ${data.exit_code}`),
      end,
    });
  }
}
