import type { Actor } from "@capsuled/contract";
import { fail } from "../fail.ts";
import type { Clock } from "../ports/clock.ts";
import { effectsOf } from "./effects.ts";
import type { CapsuleEvent } from "./machine.ts";
import { PUBLIC_STATUS, TABLE } from "./machine.ts";
import type { CapsuleChange, CapsuleRecord } from "./record.ts";
import { isStartable } from "./startable.ts";
import type { CapsuleStore } from "./store.ts";

/** Lost races that one change bears before it gives up: each means that another change succeeded. */
const RACES_MAX = 16;

export interface StateChange {
  readonly record: CapsuleRecord;
  /** `false` when the table says that the event changes nothing here. */
  readonly changed: boolean;
}

/** What callers and loops ask for; all other events are facts. */
const REQUESTS: readonly CapsuleEvent[] = ["pause", "resume", "stop", "start", "destroy"];

/**
 * Applies an event to a capsule's row by the table, compare-and-set. Throws `invalid_state` where the table refuses,
 * `not_found` when there is no such row, and whatever `guard` throws on the row it is about to change.
 * `actor` is who asks, or who found a fact out; `null` for a fact that whoever asked for it has caused.
 */
export async function changeState(
  deps: { readonly store: CapsuleStore; readonly clock: Clock },
  id: string,
  event: CapsuleEvent,
  actor: Actor | null,
  change: CapsuleChange = {},
  guard: (record: CapsuleRecord) => void = () => {},
): Promise<StateChange> {
  for (let races = 0; races < RACES_MAX; races += 1) {
    const record = await deps.store.find(id);
    if (record === undefined) throw fail("not_found", "There is no capsule with this id.");
    guard(record);
    const cell = TABLE[record.state][event];
    if ("reject" in cell) throw stateRefused(cell.reject, record, event);
    if ("ignore" in cell) return { record, changed: false };
    const at = deps.clock.now();
    const whole = actor !== null && REQUESTS.includes(event) ? { ...change, requestedBy: actor } : change;
    const next = await deps.store.transition(record, cell.to, whole, at, effectsOf(record, event, change, actor, at));
    if (next !== undefined) return { record: next, changed: true };
  }
  throw fail("internal_error", undefined, { cause: new Error(`capsule ${id}: ${event} lost ${RACES_MAX} races`) });
}

/** What makes it run again, where something does. */
function wayOut(record: CapsuleRecord): string {
  if (record.state === "paused") return "; POST …/resume lets it go on";
  return isStartable(record) ? "; POST …/start boots it again" : "";
}

/** The refusal of `wanted` in the capsule's present state, in words a caller can act on. */
export function stateRefused(code: "invalid_state" | Parameters<typeof fail>[0], record: CapsuleRecord, wanted: string): Error {
  const status = PUBLIC_STATUS[record.state];
  return fail(code, `The capsule is ${status}: ${wanted} is not possible now${wayOut(record)}.`, {
    details: { status, state: record.state },
  });
}
