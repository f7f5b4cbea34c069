import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "./database.ts";

/** Ids of events that stay unused when the machine was started anew: more than are given between two syncs of the database. */
export const EVENT_ID_GAP = 1_000_000;

/** A boot's id as a number that a row of `counters` can hold: 48 bits of its SHA-256. */
function markOf(boot: string): number {
  return createHash("sha256").update(boot).digest().readUIntBE(0, 6);
}

/**
 * Leaves ids of events out when the machine was started anew since the database was last used, and says whether it did. A power cut
 * takes the latest transactions of an engine that does not sync each commit, events that readers have seen among them. Their ids
 * would be given again, and who resumes behind one of them would miss what bears it then.
 *
 * `boot` names the life of the machine: `/proc/sys/kernel/random/boot_id`.
 */
export async function skipLostEventIds(database: Database, boot: string): Promise<boolean> {
  if (database.engine.syncsCommits) return false;
  const mark = markOf(boot);
  const change = await database.transact(async (db): Promise<"none" | "first" | "gap"> => {
    const known = await db.selectFrom("counters").select("value").where("name", "=", "boot").executeTakeFirst();
    if (known?.value === mark) return "none";
    await db
      .insertInto("counters")
      .values({ name: "boot", value: mark })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: mark }))
      .execute();
    if (known === undefined) return "first";
    await db
      .updateTable("counters")
      .set({ value: sql<number>`value + ${EVENT_ID_GAP}` })
      .where("name", "=", "events")
      .execute();
    return "gap";
  });
  // A checkpoint syncs: after one more power cut the gap would otherwise begin where this one did, and its ids be given twice.
  if (change !== "none") await database.run((db) => sql`pragma wal_checkpoint(truncate)`.execute(db));
  return change === "gap";
}
