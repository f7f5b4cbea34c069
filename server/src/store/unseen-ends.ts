import type { Actor } from "@capsuled/contract";
import type { Kysely } from "kysely";
import type { UnseenEnd } from "../core/capsule/effects.ts";
import type { EventDraft } from "../core/event/record.ts";
import { endedEvent } from "../core/process/events.ts";
import { unseenEndFacts } from "../core/process/unseen-end.ts";
import { toProcess } from "./process-row.ts";
import type { Schema } from "./schema.ts";

/** Ends every process of a capsule that has no end yet, within a transaction that holds the capsule's row; gives their events. */
export async function endUnseen(
  db: Kysely<Schema>,
  capsuleId: string,
  unseen: UnseenEnd,
  actor: Actor,
  at: number,
): Promise<readonly EventDraft[]> {
  const end = unseenEndFacts(unseen);
  const rows = await db
    .updateTable("processes")
    .set({ ended_at: at, end_json: JSON.stringify(end) })
    .where("capsule_id", "=", capsuleId)
    .where("ended_at", "is", null)
    .returningAll()
    .execute();
  return rows
    .map(toProcess)
    .toSorted((left, right) => left.startedAt - right.startedAt || (left.id < right.id ? -1 : 1))
    .map((process) => endedEvent(process, process, end, at, actor));
}
