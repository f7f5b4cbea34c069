import { sql } from "kysely";
import { z } from "zod";
import { CAPSULE_STATES } from "../core/capsule/state.ts";
import type { CapsuleState } from "../core/capsule/state.ts";
import type { Database } from "./database.ts";

const state = z.enum(CAPSULE_STATES);

/** Answered from the host's index alone. */
export async function countByState(database: Database, hostId: string): Promise<ReadonlyMap<CapsuleState, number>> {
  const rows = await database.run((db) =>
    db
      .selectFrom("capsules")
      .select(({ fn }) => ["state", fn.countAll<number>().as("count")])
      .where("host_id", "=", hostId)
      .groupBy("state")
      .execute(),
  );
  return new Map(rows.map((row) => [state.parse(row.state), row.count]));
}

/** The metadata rows go with their capsule. */
export async function removeDestroyed(database: Database, before: number, limit: number): Promise<number> {
  const result = await database.run((db) =>
    db
      .deleteFrom("capsules")
      .where("id", "in", (eb) =>
        eb
          .selectFrom("capsules")
          .select("id")
          // As a literal, so that the index of the destroyed ones serves.
          .where(sql<boolean>`state = 'destroyed'`)
          .where("state_changed_at", "<", before)
          .orderBy("state_changed_at")
          .limit(limit),
      )
      .executeTakeFirst(),
  );
  return Number(result.numDeletedRows);
}
