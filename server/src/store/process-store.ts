import type { Kysely } from "kysely";
import type { EventDraft } from "../core/event/record.ts";
import { endedEvent, startedEvent } from "../core/process/events.ts";
import type { ImportedEntry, LogBatch, ProcessStore } from "../core/process/store.ts";
import { renderHandle } from "./capsule-row.ts";
import type { Database } from "./database.ts";
import { insertEvents } from "./insert-events.ts";
import { toProcess, toStartRow } from "./process-row.ts";
import type { Schema } from "./schema.ts";

/** What a pid is at most, so that no selector of digits is beyond a column. */
const PID_MAX = 4_194_304;

/** A start, unless it is known. */
async function importStart(db: Kysely<Schema>, batch: LogBatch, entry: ImportedEntry): Promise<readonly EventDraft[]> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("processes")
    .values(toStartRow(batch.capsuleId, batch.teamId, entry.process))
    .onConflict((conflict) => conflict.columns(["capsule_id", "id"]).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n ? [startedEvent(batch, entry.process, entry.actor)] : [];
}

/** An end, unless it is known. A plain foreground command that ended abnormally has no start of its own in the log. */
async function importEnd(
  db: Kysely<Schema>,
  batch: LogBatch,
  entry: ImportedEntry,
  end: NonNullable<ImportedEntry["end"]>,
): Promise<readonly EventDraft[]> {
  await db
    .insertInto("processes")
    .values(toStartRow(batch.capsuleId, batch.teamId, entry.process))
    .onConflict((conflict) => conflict.columns(["capsule_id", "id"]).doNothing())
    .execute();
  const { numUpdatedRows } = await db
    .updateTable("processes")
    .set({ ended_at: end.endedAt, end_json: JSON.stringify(end.facts) })
    .where("capsule_id", "=", batch.capsuleId)
    .where("id", "=", entry.process.id)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  return numUpdatedRows === 1n ? [endedEvent(batch, entry.process, end.facts, end.endedAt, entry.actor)] : [];
}

/** Processes in SQL. */
export function createProcessStore(database: Database, onEvents: (teamId: string) => void = () => {}): ProcessStore {
  return {
    // The capsule's row is taken first: a change of its state waits for the batch or comes before it, and then the handle differs.
    async importLog(batch) {
      const told = await database.transact(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable("capsules")
          .set({ log_cursor: batch.cursor })
          .where("id", "=", batch.capsuleId)
          .where("handle_json", "=", renderHandle(batch.handle))
          .executeTakeFirst();
        if (numUpdatedRows !== 1n) return undefined;
        const drafts: EventDraft[] = [];
        for (const entry of batch.entries) {
          drafts.push(...(entry.end === null ? await importStart(db, batch, entry) : await importEnd(db, batch, entry, entry.end)));
        }
        await insertEvents(db, drafts);
        return drafts.length;
      });
      if (told !== undefined && told > 0) onEvents(batch.teamId);
      return told !== undefined;
    },

    async find(capsuleId, selector) {
      if (selector.includes("\0")) return undefined;
      const column = /^[0-9]+$/.test(selector) ? "pid" : selector.startsWith("pr-") ? "id" : "tag";
      if (column === "pid" && (selector.length > 7 || Number(selector) > PID_MAX)) return undefined;
      const wanted = column === "pid" ? Number(selector) : selector;
      const row = await database.run(async (db) => {
        const named = db.selectFrom("processes").selectAll().where("capsule_id", "=", capsuleId).where(column, "=", wanted);
        const running = await named.where("ended_at", "is", null).orderBy("started_at", "desc").limit(1).executeTakeFirst();
        return running ?? (await named.orderBy("started_at", "desc").limit(1).executeTakeFirst());
      });
      return row === undefined ? undefined : toProcess(row);
    },

    async removeEnded(teamId, before, perTeamMax, batch) {
      return database.transact(async (db) => {
        const ended = db.selectFrom("processes").where("team_id", "=", teamId).where("ended_at", "is not", null);
        const over = await ended.select("ended_at").orderBy("ended_at", "desc").offset(perTeamMax).limit(1).executeTakeFirst();
        const limit = Math.max(before, (over?.ended_at ?? -1) + 1);
        const due = await ended.select(["capsule_id", "id"]).where("ended_at", "<", limit).orderBy("ended_at").limit(batch).execute();
        for (const row of due) await db.deleteFrom("processes").where("capsule_id", "=", row.capsule_id).where("id", "=", row.id).execute();
        return due.length;
      });
    },
  };
}
