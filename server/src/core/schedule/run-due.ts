import type { EndpointRecord } from "../endpoint/record.ts";
import type { EndpointStore } from "../endpoint/store.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import { CapsuledError } from "../fail.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Schedule, Schedules } from "../ports/schedule.ts";
import type { RunService } from "../run/service.ts";
import type { RunStore } from "../run/store.ts";
import type { RunUpkeep } from "../run/upkeep.ts";
import type { UnstartedDeps, Unstarted } from "./unstarted.ts";
import { dueName, recordUnstarted } from "./unstarted.ts";

/** A time that is longer past than this is missed, not run late; milliseconds. */
export const LATE_MS = 60_000;
/** Missed times of one endpoint that are recorded, the first ones; those after them are passed over. */
export const MISSED_MAX = 100;
/** Endpoints taken at once, and times in one tick. */
const PAGE = 100;
const PAGES_MAX = 20;

export interface ScheduleDeps extends UnstartedDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly schedules: Schedules;
  readonly endpoints: Pick<EndpointStore, "listDue" | "claimDue">;
  readonly runs: Pick<RunStore, "insert" | "findByDedupe"> & Pick<RunUpkeep, "hasOpen">;
  readonly service: Pick<RunService, "start">;
  /** An endpoint's command with the defaults of its arguments. Throws `invalid_request`. */
  readonly prepare: (endpoint: EndpointRecord) => Pick<Parameters<RunService["start"]>[0], "args" | "invocation">;
}

/**
 * One tick: starts what is due. A run is stored under its time (`due/<time>`) before the endpoint moves on, so a server that dies in
 * between repeats the same run, and of several servers one starts it. Returns how many endpoints moved on.
 */
export async function runDue(deps: ScheduleDeps): Promise<number> {
  let moved = 0;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const due = await deps.endpoints.listDue(deps.clock.now(), PAGE);
    const done = await Promise.all(due.map((endpoint) => runOne(deps, endpoint)));
    const count = done.filter(Boolean).length;
    moved += count;
    // What could not be moved on stands first again: the next tick tries it.
    if (due.length < PAGE || count === 0) break;
  }
  return moved;
}

async function runOne(deps: ScheduleDeps, endpoint: EndpointRecord): Promise<boolean> {
  const { nextRunAt: dueAt } = endpoint;
  if (dueAt === null) return false;
  try {
    const schedule = scheduleOf(deps, endpoint);
    if (schedule === null) return await deps.endpoints.claimDue(endpoint.id, dueAt, null);
    return deps.clock.now() - dueAt > LATE_MS
      ? await passMissed(deps, endpoint, schedule, dueAt)
      : await startAt(deps, endpoint, schedule, dueAt);
  } catch (error) {
    deps.log.warn({ endpoint: endpoint.id, error }, "a scheduled run could not be started; the next tick tries again");
    return false;
  }
}

/** Null, and said so in the log, where the definition has no schedule that can be read. */
function scheduleOf(deps: ScheduleDeps, { id, definition }: EndpointRecord): Schedule | null {
  if (definition.schedule === undefined) return null;
  const parsed = deps.schedules.parse(definition.schedule, definition.timezone);
  if (parsed.ok) return parsed;
  deps.log.error({ endpoint: id, problem: parsed.message }, "an endpoint's schedule cannot be read any more; it stands still");
  return null;
}

/** Records the times that nobody was there for, and moves on to the first one that is not too long past. */
async function passMissed(deps: ScheduleDeps, endpoint: EndpointRecord, schedule: Schedule, dueAt: number): Promise<boolean> {
  const first = deps.clock.now() - LATE_MS;
  const missed: Unstarted[] = [];
  let at: number | null = dueAt;
  for (; at !== null && at < first && missed.length < MISSED_MAX; at = schedule.next(at))
    missed.push({
      dueAt: at,
      status: "missed",
      reason: "missed",
      error: "It was not started within a minute of its time: the server was not running, or could not.",
    });
  await recordUnstarted(deps, endpoint, missed);
  const next = at !== null && at < first ? schedule.next(first - 1) : at;
  return deps.endpoints.claimDue(endpoint.id, dueAt, next);
}

async function startAt(deps: ScheduleDeps, endpoint: EndpointRecord, schedule: Schedule, dueAt: number): Promise<boolean> {
  const unstarted = await tryStart(deps, endpoint, dueAt);
  if (unstarted !== null) await recordUnstarted(deps, endpoint, [unstarted]);
  return deps.endpoints.claimDue(endpoint.id, dueAt, schedule.next(dueAt));
}

/** Null once it is started; else what is recorded in its place. Throws where another try can help. */
async function tryStart(deps: ScheduleDeps, endpoint: EndpointRecord, dueAt: number): Promise<Unstarted | null> {
  const name = dueName(dueAt);
  if (!endpoint.definition.overlap && (await deps.runs.hasOpen(endpoint.id, "schedule"))) {
    // Its own run, when the server died before the endpoint moved on.
    if ((await deps.runs.findByDedupe(endpoint.id, name)) !== undefined) return null;
    return { dueAt, status: "missed", reason: "overlapped", error: "The scheduled run before it was still under way." };
  }
  try {
    await deps.service.start({
      endpoint,
      ...deps.prepare(endpoint),
      stdin: null,
      source: "schedule",
      keyId: null,
      dedupe: { name, fingerprint: name },
      mode: "async",
    });
    return null;
  } catch (error) {
    return notStarted(error, dueAt);
  }
}

function notStarted(error: unknown, dueAt: number): Unstarted {
  if (error instanceof StoreUnavailableError || !(error instanceof CapsuledError)) throw error;
  switch (error.code) {
    case "unavailable":
    case "shutting_down":
      throw error;
    case "queue_full":
      return { dueAt, status: "missed", reason: "unavailable", error: error.message };
    case "capsule_gone":
      return { dueAt, status: "error", reason: "capsule_gone", error: error.message };
    default:
      return { dueAt, status: "error", reason: "not_started", error: error.message };
  }
}
