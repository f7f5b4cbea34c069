import { BUILD_REASONS, BUILD_STATES, buildLogEntry } from "@capsuled/contract";
import type { BuildLogEntry } from "@capsuled/contract";
import type { Kysely } from "kysely";
import { z } from "zod";
import { UNFINISHED } from "../core/build/record.ts";
import type { BuildRecord, NumberedEntry } from "../core/build/record.ts";
import type { BuildStore } from "../core/build/store.ts";
import { withoutNul } from "./capsule-row.ts";
import type { Database } from "./database.ts";
import type { BuildRow, Schema } from "./schema.ts";

/** Rows of one statement. */
const BATCH_MAX = 64;

const state = z.enum(BUILD_STATES);
const reason = z.enum(BUILD_REASONS).nullable();
const failure = z.object({ step: z.int(), command: z.string(), exitCode: z.int().nullable(), lastLines: z.string() });

function toRecord(row: BuildRow): BuildRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    hostId: row.host_id,
    templateId: row.template_id,
    name: row.name,
    state: state.parse(row.state),
    step: row.step,
    steps: row.steps,
    cachedSteps: row.cached_steps,
    reason: reason.parse(row.reason),
    message: row.message,
    failure: row.failure_json === null ? null : failure.parse(JSON.parse(row.failure_json)),
    capsuleId: row.capsule_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}

function toRow(record: BuildRecord): BuildRow {
  return {
    id: record.id,
    team_id: record.teamId,
    host_id: record.hostId,
    template_id: record.templateId,
    name: record.name,
    state: record.state,
    step: record.step,
    steps: record.steps,
    cached_steps: record.cachedSteps,
    reason: record.reason,
    message: record.message,
    failure_json: record.failure === null ? null : JSON.stringify(record.failure),
    capsule_id: record.capsuleId,
    created_at: record.createdAt,
    started_at: record.startedAt,
    ended_at: record.endedAt,
  };
}

async function append(db: Kysely<Schema>, id: string, entries: readonly NumberedEntry[]): Promise<void> {
  for (let at = 0; at < entries.length; at += BATCH_MAX) {
    const rows = entries.slice(at, at + BATCH_MAX).map(({ seq, entry }) => ({ build_id: id, seq, entry_json: JSON.stringify(entry) }));
    // One whose answer was lost is sent again.
    await db
      .insertInto("template_build_log")
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

async function remove(db: Kysely<Schema>, ids: readonly string[]): Promise<number> {
  for (let at = 0; at < ids.length; at += BATCH_MAX) {
    const some = ids.slice(at, at + BATCH_MAX);
    await db.deleteFrom("template_build_log").where("build_id", "in", some).execute();
    await db.deleteFrom("template_builds").where("id", "in", some).execute();
  }
  return ids.length;
}

/** Builds and their logs in SQL. */
export function createBuildStore(database: Database): BuildStore {
  const all = (db: Kysely<Schema>) => db.selectFrom("template_builds").selectAll();
  return {
    async insert(record) {
      await database.run((db) => db.insertInto("template_builds").values(toRow(record)).execute());
    },

    async find(id) {
      const row = await database.run((db) => all(db).where("id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : toRecord(row);
    },

    async list(teamId, limit) {
      const rows = await database.run((db) =>
        all(db).where("team_id", "=", teamId).orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute(),
      );
      return rows.map(toRecord);
    },

    async listUnfinished(hostId) {
      const rows = await database.run((db) => all(db).where("host_id", "=", hostId).where("state", "in", UNFINISHED).execute());
      return rows.map(toRecord);
    },

    async countUnfinished(teamId) {
      const row = await database.run((db) =>
        db
          .selectFrom("template_builds")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .where("team_id", "=", teamId)
          .where("state", "in", UNFINISHED)
          .executeTakeFirstOrThrow(),
      );
      return Number(row.count);
    },

    async change(id, { state: next, step, cachedSteps, startedAt }) {
      await database.run((db) =>
        db
          .updateTable("template_builds")
          .set({
            ...(next !== undefined && { state: next }),
            ...(step !== undefined && { step }),
            ...(cachedSteps !== undefined && { cached_steps: cachedSteps }),
            ...(startedAt !== undefined && { started_at: startedAt }),
          })
          .where("id", "=", id)
          .where("state", "in", UNFINISHED)
          .executeTakeFirst(),
      );
    },

    conclude: (id, end, rest) =>
      database.transact(async (db) => {
        const message = end.message === null ? null : withoutNul(end.message);
        const ended = await db
          .updateTable("template_builds")
          .set({
            state: end.state,
            reason: end.reason,
            message,
            failure_json: end.failure === null ? null : JSON.stringify(end.failure),
            ended_at: end.endedAt,
          })
          .where("id", "=", id)
          .where("state", "in", UNFINISHED)
          .executeTakeFirst();
        if (ended.numUpdatedRows !== 1n) return false;
        await append(db, id, rest);
        const { last } = await db
          .selectFrom("template_build_log")
          .select(({ fn }) => fn.max("seq").as("last"))
          .where("build_id", "=", id)
          .executeTakeFirstOrThrow();
        const { failure: failed } = end;
        const error =
          failed === null ? null : { step: failed.step, command: failed.command, exit_code: failed.exitCode, last_lines: failed.lastLines };
        const entry: BuildLogEntry = { type: "end", state: end.state, reason: end.reason, message, error };
        await append(db, id, [{ seq: Number(last ?? 0) + 1, entry }]);
        return true;
      }),

    appendLog: (id, entries) => database.transact((db) => append(db, id, entries)),

    async readLog(id, after, limit) {
      const rows = await database.run((db) =>
        db
          .selectFrom("template_build_log")
          .select(["seq", "entry_json"])
          .where("build_id", "=", id)
          .where("seq", ">", after)
          .orderBy("seq")
          .limit(limit)
          .execute(),
      );
      return rows.map(({ seq, entry_json: json }) => ({ seq, entry: buildLogEntry.parse(JSON.parse(json)) }));
    },

    removeOld: (endedBefore, teamKeeps) =>
      database.transact(async (db) => {
        const old = await db
          .selectFrom("template_builds")
          .select("id")
          .where("ended_at", "is not", null)
          .where("ended_at", "<", endedBefore)
          .execute();
        const teams = await db
          .selectFrom("template_builds")
          .select("team_id")
          .groupBy("team_id")
          .having(({ fn }) => fn.countAll(), ">", teamKeeps)
          .execute();
        const beyond: string[] = [];
        for (const { team_id: teamId } of teams) {
          const rows = await db
            .selectFrom("template_builds")
            .select(["id", "state"])
            .where("team_id", "=", teamId)
            .orderBy("created_at", "desc")
            .orderBy("id", "desc")
            .offset(teamKeeps)
            .limit(BATCH_MAX)
            .execute();
          beyond.push(...rows.filter((row) => !UNFINISHED.includes(state.parse(row.state))).map(({ id }) => id));
        }
        return remove(db, [...new Set([...old.map(({ id }) => id), ...beyond])]);
      }),
  };
}
