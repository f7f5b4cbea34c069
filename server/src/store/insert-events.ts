import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { EventDraft } from "../core/event/record.ts";
import type { Schema } from "./schema.ts";

/** Rows of one statement; nine parameters each. */
const BATCH_MAX = 100;

/**
 * Stores events as the last step of a transaction. Taking ids locks the counter until the commit, so that no event becomes
 * visible before one with a lower id; taken last, the lock is held for a moment only, and never while other rows are waited for.
 */
export async function insertEvents(db: Kysely<Schema>, drafts: readonly EventDraft[]): Promise<void> {
  if (drafts.length === 0) return;
  const { value } = await db
    .updateTable("counters")
    .set({ value: sql<number>`value + ${drafts.length}` })
    .where("name", "=", "events")
    .returning("value")
    .executeTakeFirstOrThrow();
  const rows = drafts.map((draft, index) => ({
    id: value - drafts.length + index + 1,
    team_id: draft.teamId,
    at: draft.at,
    type: draft.type,
    capsule_id: draft.capsuleId,
    process_id: draft.processId,
    actor_type: draft.actor.type,
    actor_id: draft.actor.id,
    data_json: JSON.stringify(draft.data),
  }));
  for (let start = 0; start < rows.length; start += BATCH_MAX)
    await db
      .insertInto("events")
      .values(rows.slice(start, start + BATCH_MAX))
      .execute();
}
