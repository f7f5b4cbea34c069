import { ROLES } from "@capsuled/contract";
import { z } from "zod";
import type { AccessStore, KeyRecord, TeamRecord } from "../core/access/store.ts";
import type { Database } from "./database.ts";
import { latestTimes } from "./latest-times.ts";
import { removeKey } from "./remove-key.ts";
import type { ApiKeyRow, TeamRow } from "./schema.ts";

const role = z.enum(ROLES);

function toTeam(row: TeamRow): TeamRecord {
  return { id: row.id, name: row.name, slug: row.slug, isFirst: row.is_first === 1, createdAt: row.created_at };
}

function toTeamRow(team: TeamRecord): TeamRow {
  return { id: team.id, name: team.name, slug: team.slug, is_first: team.isFirst ? 1 : 0, created_at: team.createdAt };
}

function toKey(row: ApiKeyRow): KeyRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    name: row.name,
    role: role.parse(row.role),
    hash: row.hash,
    prefix: row.prefix,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}

function toKeyRow(key: KeyRecord): ApiKeyRow {
  return {
    id: key.id,
    team_id: key.teamId,
    name: key.name,
    role: key.role,
    hash: key.hash,
    prefix: key.prefix,
    created_at: key.createdAt,
    last_used_at: key.lastUsedAt,
  };
}

/** Teams and keys in SQL. */
export function createAccessStore(database: Database): AccessStore {
  return {
    // The unique indexes on the slug and on the first team decide; a loser inserts nothing.
    async insertTeam(team, key) {
      return database.transact(async (db) => {
        const inserted = await db
          .insertInto("teams")
          .values(toTeamRow(team))
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (inserted.numInsertedOrUpdatedRows !== 1n) return false;
        await db.insertInto("api_keys").values(toKeyRow(key)).execute();
        return true;
      });
    },

    async listTeams(teamId) {
      const rows = await database.run((db) => {
        const query = db.selectFrom("teams").selectAll().orderBy("created_at").orderBy("id");
        return (teamId === null ? query : query.where("id", "=", teamId)).execute();
      });
      return rows.map(toTeam);
    },

    async findTeam(id) {
      const row = await database.run((db) => db.selectFrom("teams").selectAll().where("id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : toTeam(row);
    },

    async countTeams() {
      const row = await database.run((db) =>
        db
          .selectFrom("teams")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .executeTakeFirstOrThrow(),
      );
      return row.count;
    },

    // Locks the team, so that two calls at once cannot both take the last place.
    async insertKey(key, keysMax) {
      return database.transact(async (db) => {
        const team = db.selectFrom("teams").select("id").where("id", "=", key.teamId);
        await (database.engine.rowLocks ? team.forUpdate() : team).executeTakeFirstOrThrow();
        const { count } = await db
          .selectFrom("api_keys")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .where("team_id", "=", key.teamId)
          .executeTakeFirstOrThrow();
        if (count >= keysMax) return false;
        await db.insertInto("api_keys").values(toKeyRow(key)).execute();
        return true;
      });
    },

    async listKeys(teamId) {
      const rows = await database.run((db) =>
        db.selectFrom("api_keys").selectAll().where("team_id", "=", teamId).orderBy("created_at", "desc").orderBy("id", "desc").execute(),
      );
      return rows.map(toKey);
    },

    async findKeyByHash(hash) {
      return database.run(async (db) => {
        const key = await db.selectFrom("api_keys").selectAll().where("hash", "=", hash).executeTakeFirst();
        if (key === undefined) return undefined;
        const team = await db.selectFrom("teams").selectAll().where("id", "=", key.team_id).executeTakeFirstOrThrow();
        return { key: toKey(key), team: toTeam(team) };
      });
    },

    removeKey: (teamId, keyId) => removeKey(database, teamId, keyId),

    async recordKeyUse(entries) {
      await latestTimes(
        database,
        "api_keys",
        "last_used_at",
        entries.map(({ id, lastUsedAt }) => ({ id, at: lastUsedAt })),
      );
    },
  };
}
