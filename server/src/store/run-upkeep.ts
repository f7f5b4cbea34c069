import type { RunStore } from "../core/run/store.ts";
import type { RunUpkeep } from "../core/run/upkeep.ts";
import type { Database } from "./database.ts";

/** Rows of one statement. */
const BATCH_MAX = 64;
const STATES_LEFT = ["pending", "starting", "running", "pausing", "paused", "resuming", "stopping", "stopped", "error"] as const;

/** What of the runs' rows loops look after, in SQL. */
export function createRunUpkeep(database: Database): RunUpkeep & Pick<RunStore, "removeOld"> {
  return {
    // The oldest come first; what was begun long ago and ended late, or has not ended, is stepped over.
    async removeOld(teamId, before, perTeamMax, batch) {
      return database.transact(async (db) => {
        const own = db.selectFrom("runs").where("team_id", "=", teamId);
        const over = await own
          .select("created_at")
          .orderBy("created_at", "desc")
          .orderBy("id", "desc")
          .offset(perTeamMax)
          .limit(1)
          .executeTakeFirst();
        const due = await own
          .select(["id", "output_kind"])
          .where("ended_at", "is not", null)
          .where("created_at", "<", Math.max(before, (over?.created_at ?? -1) + 1))
          .where((eb) => eb.or([eb("ended_at", "<", before), eb("created_at", "<=", over?.created_at ?? -1)]))
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
