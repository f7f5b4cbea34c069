import type { Leases } from "../core/ports/leases.ts";
import type { Database } from "./database.ts";

/** Leases as rows; one statement takes, renews or leaves it. */
export function createLeaseStore(database: Database): Leases {
  return {
    async acquire(name, holder, now, ttlMs) {
      const row = await database.run((db) =>
        db
          .insertInto("leases")
          .values({ name, holder, expires_at: now + ttlMs })
          .onConflict((conflict) =>
            conflict
              .column("name")
              .doUpdateSet({ holder, expires_at: now + ttlMs })
              .where((eb) => eb.or([eb("leases.holder", "=", holder), eb("leases.expires_at", "<=", now)])),
          )
          .returning("holder")
          .executeTakeFirst(),
      );
      return row !== undefined;
    },
    async release(name, holder) {
      await database.run((db) => db.deleteFrom("leases").where("name", "=", name).where("holder", "=", holder).execute());
    },
  };
}
