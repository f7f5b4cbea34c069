import type { Database } from "./database.ts";

/** Removes a key unless it is the team's only admin key. The admin keys are locked first, so that two removals at once leave one. */
export async function removeKey(database: Database, teamId: string, keyId: string): Promise<"removed" | "absent" | "last_admin"> {
  return database.transact(async (db) => {
    const query = db.selectFrom("api_keys").select("id").where("team_id", "=", teamId).where("role", "=", "admin").orderBy("id");
    const admins = await (database.engine.rowLocks ? query.forUpdate() : query).execute();
    if (admins.length === 1 && admins[0]?.id === keyId) return "last_admin";
    const result = await db.deleteFrom("api_keys").where("team_id", "=", teamId).where("id", "=", keyId).executeTakeFirst();
    return result.numDeletedRows === 1n ? "removed" : "absent";
  });
}
