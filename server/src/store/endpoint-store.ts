import { endpointDefinition } from "@capsuled/contract";
import type { Kysely } from "kysely";
import { z } from "zod";
import type { EndpointRecord } from "../core/endpoint/record.ts";
import type { EndpointChange, EndpointStore } from "../core/endpoint/store.ts";
import type { Database } from "./database.ts";
import type { EndpointRow, Schema } from "./schema.ts";

const names = z.array(z.string());

function toEndpoint(row: EndpointRow): EndpointRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    name: row.name,
    definition: endpointDefinition.parse(JSON.parse(row.definition_json)),
    envNames: names.parse(JSON.parse(row.env_names_json)),
    sealed: row.sealed,
    hasSecret: row.has_secret === 1,
    version: row.version,
    schedulePaused: row.schedule_paused === 1,
    nextRunAt: row.next_run_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toRow(record: EndpointRecord): EndpointRow {
  return {
    id: record.id,
    team_id: record.teamId,
    name: record.name,
    definition_json: JSON.stringify(record.definition),
    env_names_json: JSON.stringify(record.envNames),
    sealed: record.sealed,
    has_secret: record.hasSecret ? 1 : 0,
    version: record.version,
    schedule_paused: record.schedulePaused ? 1 : 0,
    next_run_at: record.nextRunAt,
    created_at: record.createdAt,
    updated_at: record.updatedAt,
  };
}

/** What a caller asks by and no row can hold: PostgreSQL would refuse the question. */
function isStorable(...texts: readonly string[]): boolean {
  return !texts.some((text) => text.includes("\0"));
}

/** One change, if the row still is what it comes from. */
async function applyOne(db: Kysely<Schema>, teamId: string, change: EndpointChange): Promise<boolean> {
  if (change.kind === "delete") {
    const { numDeletedRows } = await db
      .deleteFrom("endpoints")
      .where("id", "=", change.id)
      .where("team_id", "=", teamId)
      .where("version", "=", change.fromVersion)
      .executeTakeFirst();
    return numDeletedRows === 1n;
  }
  const { id, team_id: _team, created_at: _created, ...columns } = toRow(change.record);
  if (change.fromVersion === 0) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto("endpoints")
      .values({ ...toRow(change.record), team_id: teamId })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }
  const { numUpdatedRows } = await db
    .updateTable("endpoints")
    .set(columns)
    .where("id", "=", id)
    .where("team_id", "=", teamId)
    .where("version", "=", change.fromVersion)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Thrown to undo what a batch of changes has done so far. */
class Changed extends Error {}

/** Endpoints in SQL. */
export function createEndpointStore(database: Database): EndpointStore {
  return {
    async find(teamId, name) {
      if (!isStorable(name)) return undefined;
      const row = await database.run((db) =>
        db.selectFrom("endpoints").selectAll().where("team_id", "=", teamId).where("name", "=", name).executeTakeFirst(),
      );
      return row === undefined ? undefined : toEndpoint(row);
    },

    async findPublished(ownerSlug, name) {
      if (!isStorable(ownerSlug, name)) return undefined;
      const row = await database.run((db) =>
        db
          .selectFrom("teams")
          .innerJoin("endpoints", "endpoints.team_id", "teams.id")
          .selectAll("endpoints")
          .select("teams.name as owner_name")
          .where("teams.slug", "=", ownerSlug)
          .where("endpoints.name", "=", name)
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : { endpoint: toEndpoint(row), ownerName: row.owner_name };
    },

    async get(id) {
      const row = await database.run((db) => db.selectFrom("endpoints").selectAll().where("id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : toEndpoint(row);
    },

    async list(teamId, limit, cursor) {
      const rows = await database.run((db) => {
        const query = db
          .selectFrom("endpoints")
          .selectAll()
          .where("team_id", "=", teamId)
          .orderBy("name")
          .limit(limit + 1);
        return (cursor === null || !isStorable(cursor) ? query : query.where("name", ">", cursor)).execute();
      });
      const items = rows.slice(0, limit).map(toEndpoint);
      return { items, nextCursor: rows.length > limit ? (items.at(-1)?.name ?? null) : null };
    },

    async count(teamId) {
      const { count } = await database.run((db) =>
        db
          .selectFrom("endpoints")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .where("team_id", "=", teamId)
          .executeTakeFirstOrThrow(),
      );
      return count;
    },

    async apply(teamId, changes) {
      try {
        await database.transact(async (db) => {
          for (const change of changes) if (!(await applyOne(db, teamId, change))) throw new Changed();
        });
        return true;
      } catch (error) {
        if (error instanceof Changed) return false;
        throw error;
      }
    },

    async setSchedulePaused(id, paused, nextRunAt) {
      const row = await database.run((db) =>
        db
          .updateTable("endpoints")
          .set({ schedule_paused: paused ? 1 : 0, next_run_at: nextRunAt })
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : toEndpoint(row);
    },

    async listDue(now, limit) {
      const rows = await database.run((db) =>
        db
          .selectFrom("endpoints")
          .selectAll()
          .where("next_run_at", "is not", null)
          .where("next_run_at", "<=", now)
          .orderBy("next_run_at")
          .limit(limit)
          .execute(),
      );
      return rows.map(toEndpoint);
    },

    async claimDue(id, dueAt, nextRunAt) {
      const { numUpdatedRows } = await database.run((db) =>
        db
          .updateTable("endpoints")
          .set({ next_run_at: nextRunAt })
          .where("id", "=", id)
          .where("next_run_at", "=", dueAt)
          .executeTakeFirst(),
      );
      return numUpdatedRows === 1n;
    },
  };
}
