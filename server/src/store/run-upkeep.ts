import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { RunStore } from "../core/run/store.ts";
import type { RunUpkeep } from "../core/run/upkeep.ts";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";

/** Rows of one statement. */
const BATCH_MAX = 64;
const STATES_LEFT = ["pending", "starting", "running", "pausing", "paused", "resuming", "stopping", "stopped", "error"] as const;

/** When the newest run beyond so many was begun; -1 without one. */
async function beyondCount(db: Kysely<Schema>, teamId: string, runsMax: number): Promise<number> {
  const row = await db
    .selectFrom("runs")
    .where("team_id", "=", teamId)
    .select("created_at")
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .offset(runsMax)
    .limit(1)
    .executeTakeFirst();
  return row?.created_at ?? -1;
}

/** When the newest run was begun with whose output those of the team have more than so many bytes; -1 without one. */
async function beyondBytes(db: Kysely<Schema>, teamId: string, bytesMax: number): Promise<number> {
  const own = db.selectFrom("runs").where("team_id", "=", teamId);
  const { all } = await own
    .select((eb) => eb.fn.coalesce(eb.fn.sum<number | string>("output_bytes"), sql<number>`0`).as("all"))
    .executeTakeFirstOrThrow();
  if (Number(all) <= bytesMax) return -1;
  const row = await db
    .selectFrom(
      own
        .select((eb) => [
          "created_at",
          "id",
          eb.fn
            .sum("output_bytes")
            .over((over) => over.orderBy("created_at", "desc").orderBy("id", "desc"))
            .as("so_far"),
        ])
        .as("sums"),
    )
    .select("created_at")
    .where("so_far", ">", bytesMax)
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.created_at ?? -1;
}

/** What of the runs' rows loops look after, in SQL. */
export function createRunUpkeep(database: Database): RunUpkeep & Pick<RunStore, "removeOld"> {
  return {
    // The oldest come first; what was begun long ago and ended late, or has not ended, is stepped over.
    async removeOld(teamId, kept, batch) {
      return database.transact(async (db) => {
        const beyond = Math.max(await beyondCount(db, teamId, kept.runsMax), await beyondBytes(db, teamId, kept.bytesMax));
        const due = await db
          .selectFrom("runs")
          .where("team_id", "=", teamId)
          .select(["id", "output_kind"])
          .where("ended_at", "is not", null)
          .where("created_at", "<", Math.max(kept.since, beyond + 1))
          .where((eb) => eb.or([eb("ended_at", "<", kept.since), eb("created_at", "<=", beyond)]))
          .orderBy("created_at")
          .orderBy("id")
          .limit(batch)
          .execute();
        const ids = due.map(({ id }) => id);
        for (let start = 0; start < ids.length; start += BATCH_MAX)
          await db
            .deleteFrom("runs")
            .where("id", "in", ids.slice(start, start + BATCH_MAX))
            .execute();
        return { removed: ids.length, files: due.filter((row) => row.output_kind === "file").map(({ id }) => id) };
      });
    },

    // Driven by the capsules of the host, which are few; the index on runs' own capsules finds the run of each.
    async listLeftCapsules(hostId, limit) {
      const rows = await database.run((db) =>
        db
          .selectFrom("capsules")
          .innerJoin("runs", "runs.own_capsule_id", "capsules.id")
          .select("capsules.id")
          .where("capsules.host_id", "=", hostId)
          .where("capsules.state", "in", STATES_LEFT)
          .where("runs.ended_at", "is not", null)
          .limit(limit)
          .execute(),
      );
      return rows.map(({ id }) => id);
    },

    async hasOpen(endpointId, source) {
      const row = await database.run((db) =>
        db
          .selectFrom("runs")
          .select("id")
          .where("endpoint_id", "=", endpointId)
          .where("source", "=", source)
          .where("ended_at", "is", null)
          .limit(1)
          .executeTakeFirst(),
      );
      return row !== undefined;
    },
  };
}
