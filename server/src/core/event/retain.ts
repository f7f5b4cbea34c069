import { inBatches } from "../../lib/in-batches.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyStore } from "../idempotency/store.ts";
import type { ProcessStore } from "../process/store.ts";
import type { EventStore } from "./store.ts";

const DAY_MS = 24 * 3600 * 1000;

/** How long, and for how many of a team, something is kept; the oldest go first. */
export const KEPT = {
  events: { ms: 7 * DAY_MS, teamMax: 100_000 },
  processes: { ms: 7 * DAY_MS, teamMax: 100_000 },
  idempotencyKeys: { ms: DAY_MS, teamMax: 100_000 },
} as const;
/** Rows that one transaction removes at most, and transactions of one team and kind in one tick. */
const BATCH = 1000;
const BATCHES_MAX = 100;

export interface RetainDeps {
  readonly clock: Clock;
  readonly events: Pick<EventStore, "removeOld">;
  readonly processes: Pick<ProcessStore, "removeEnded">;
  readonly idempotency: Pick<IdempotencyStore, "removeOld">;
  readonly teams: () => Promise<readonly { readonly id: string }[]>;
}

/** One look at what is kept too long, team by team. Returns how many rows went. */
export async function removeOld(deps: RetainDeps): Promise<number> {
  const now = deps.clock.now();
  let removed = 0;
  const drain = async (remove: (rowsMax: number) => Promise<number>): Promise<void> => {
    removed += await inBatches(BATCH, BATCHES_MAX, remove);
  };
  for (const { id } of await deps.teams()) {
    await drain((rows) => deps.events.removeOld(id, now - KEPT.events.ms, KEPT.events.teamMax, rows));
    await drain((rows) => deps.processes.removeEnded(id, now - KEPT.processes.ms, KEPT.processes.teamMax, rows));
    await drain((rows) => deps.idempotency.removeOld(id, now - KEPT.idempotencyKeys.ms, KEPT.idempotencyKeys.teamMax, rows));
  }
  return removed;
}
