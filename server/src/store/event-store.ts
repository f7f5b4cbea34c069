import { EVENT_DATA } from "@capsuled/contract";
import type { EventType } from "@capsuled/contract";
import type { Kysely, SelectQueryBuilder } from "kysely";
import { z } from "zod";
import type { EventRecord } from "../core/event/record.ts";
import type { EventFilter, EventStore } from "../core/event/store.ts";
import type { Database } from "./database.ts";
import type { EventRow, Schema } from "./schema.ts";
import { toActor } from "./actor-row.ts";

const type = z.enum(Object.keys(EVENT_DATA).filter((name): name is EventType => name in EVENT_DATA));

function toEvent(row: EventRow): EventRecord {
  const known = type.parse(row.type);
  const head = {
    id: row.id,
    teamId: row.team_id,
    at: row.at,
    capsuleId: row.capsule_id,
    processId: row.process_id,
    actor: toActor(row.actor_type, row.actor_id),
  };
  // The schema of this very type has just been applied, which the compiler cannot follow through the union.
  return { ...head, type: known, data: EVENT_DATA[known].parse(JSON.parse(row.data_json)) } as EventRecord;
}

type Query = SelectQueryBuilder<Schema, "events", EventRow>;

function filtered(db: Kysely<Schema>, filter: EventFilter): Query {
  let query = db.selectFrom("events").selectAll().where("team_id", "=", filter.teamId);
  if (filter.capsuleId !== null) query = query.where("capsule_id", "=", filter.capsuleId);
  if (filter.type !== null) query = query.where("type", "=", filter.type);
  return query;
}

/** PostgreSQL refuses a NUL in a question; no capsule's id has one. */
function matchesNothing(filter: EventFilter): boolean {
  return filter.capsuleId?.includes("\0") === true;
}

async function latestId(db: Kysely<Schema>): Promise<number> {
  return (await db.selectFrom("counters").select("value").where("name", "=", "events").executeTakeFirstOrThrow()).value;
}

async function horizonOf(db: Kysely<Schema>, teamId: string): Promise<number> {
  return (await db.selectFrom("event_horizons").select("removed_to").where("team_id", "=", teamId).executeTakeFirst())?.removed_to ?? 0;
}

/** Events in SQL, along an index whatever the filter. */
export function createEventStore(database: Database): EventStore {
  return {
    async list(filter) {
      if (matchesNothing(filter)) return [];
      return database.run(async (db) => {
        let query = filtered(db, filter).where("id", ">", filter.above);
        if (filter.below !== null) query = query.where("id", "<", filter.below);
        return (await query.orderBy("id", filter.order).limit(filter.limit).execute()).map(toEvent);
      });
    },

    // The newest id is asked for first: whatever is not among the rows that are read after it does not match. Where events were
    // removed in between, the look is taken anew, so that horizon and rows belong together.
    async readAfter(filter, position, limit) {
      return database.run(async (db) => {
        for (;;) {
          const latest = await latestId(db);
          const horizon = await horizonOf(db, filter.teamId);
          const rows = matchesNothing(filter)
            ? []
            : await filtered(db, filter).where("id", ">", position).orderBy("id").limit(limit).execute();
          if ((await horizonOf(db, filter.teamId)) !== horizon) continue;
          const last = rows.at(-1)?.id ?? position;
          return { items: rows.map(toEvent), horizon, position: rows.length < limit ? Math.max(last, latest, position) : last };
        }
      });
    },

    latestId: () => database.run(latestId),

    // The horizon moves in the same transaction, so that what is gone is never told as if it had not been.
    async removeOld(teamId, before, perTeamMax, batch) {
      return database.transact(async (db) => {
        const own = db.selectFrom("events").where("team_id", "=", teamId);
        const over = await own.select("id").orderBy("id", "desc").offset(perTeamMax).limit(1).executeTakeFirst();
        const oldest = await own.select(["id", "at"]).orderBy("id").limit(batch).execute();
        const due = oldest.filter((row) => row.at < before || row.id <= (over?.id ?? 0)).at(-1);
        if (due === undefined) return 0;
        const { numDeletedRows } = await db.deleteFrom("events").where("team_id", "=", teamId).where("id", "<=", due.id).executeTakeFirst();
        await db
          .insertInto("event_horizons")
          .values({ team_id: teamId, removed_to: due.id })
          .onConflict((conflict) =>
            conflict.column("team_id").doUpdateSet({ removed_to: due.id }).where("event_horizons.removed_to", "<", due.id),
          )
          .execute();
        return Number(numDeletedRows);
      });
    },
  };
}
