import type { IdempotencyRecord, IdempotencyStore } from "../core/idempotency/store.ts";
import type { Database } from "./database.ts";
import type { IdempotencyKeyRow } from "./schema.ts";

function toRecord(row: IdempotencyKeyRow): IdempotencyRecord {
  return {
    teamId: row.team_id,
    keyHash: row.key_hash,
    request: row.request,
    bodyHash: row.body_hash,
    sealedSeed: row.sealed_seed,
    holder: row.holder,
    leaseUntil: row.lease_until,
    sealedAnswer: row.sealed_answer,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  };
}

function toRow(record: IdempotencyRecord): IdempotencyKeyRow {
  return {
    team_id: record.teamId,
    key_hash: record.keyHash,
    request: record.request,
    body_hash: record.bodyHash,
    sealed_seed: record.sealedSeed,
    holder: record.holder,
    lease_until: record.leaseUntil,
    sealed_answer: record.sealedAnswer,
    created_at: record.createdAt,
    finished_at: record.finishedAt,
  };
}

/** Requests with a key, in SQL. */
export function createIdempotencyStore(database: Database): IdempotencyStore {
  type Change = Partial<Pick<IdempotencyKeyRow, "holder" | "lease_until" | "sealed_answer" | "finished_at">>;
  const change = (
    name: Pick<IdempotencyRecord, "teamId" | "keyHash">,
    holder: string,
    columns: Change,
    leaseUntil: number | null = null,
  ): Promise<boolean> =>
    database.run(async (db) => {
      let query = db
        .updateTable("idempotency_keys")
        .set(columns)
        .where("team_id", "=", name.teamId)
        .where("key_hash", "=", name.keyHash)
        .where("holder", "=", holder)
        .where("finished_at", "is", null);
      if (leaseUntil !== null) query = query.where("lease_until", "=", leaseUntil);
      return (await query.executeTakeFirst()).numUpdatedRows === 1n;
    });
  return {
    async claim(record) {
      return database.run(async (db) => {
        for (;;) {
          const inserted = await db
            .insertInto("idempotency_keys")
            .values(toRow(record))
            .onConflict((conflict) => conflict.columns(["team_id", "key_hash"]).doNothing())
            .executeTakeFirst();
          if (inserted.numInsertedOrUpdatedRows === 1n) return undefined;
          const row = await db
            .selectFrom("idempotency_keys")
            .selectAll()
            .where("team_id", "=", record.teamId)
            .where("key_hash", "=", record.keyHash)
            .executeTakeFirst();
          // Forgotten between the two statements: it is free again.
          if (row !== undefined) return toRecord(row);
        }
      });
    },

    // The lease is part of what was seen: of two that saw the same, one wins.
    takeOver: (seen, holder, leaseUntil) => change(seen, seen.holder, { holder, lease_until: leaseUntil }, seen.leaseUntil),
    async renew(name, holder, leaseUntil) {
      await change(name, holder, { lease_until: leaseUntil });
    },
    async finish(name, holder, sealedAnswer, at) {
      await change(name, holder, { sealed_answer: sealedAnswer, finished_at: at });
    },
    async release(name, holder) {
      await change(name, holder, { lease_until: 0 });
    },
    async forget(name, holder) {
      await database.run((db) =>
        db
          .deleteFrom("idempotency_keys")
          .where("team_id", "=", name.teamId)
          .where("key_hash", "=", name.keyHash)
          .where("holder", "=", holder)
          .where("finished_at", "is", null)
          .execute(),
      );
    },

    // One that is under way is held by a lease in the future, so it stays however old it is.
    async removeOld(teamId, before, perTeamMax, batch) {
      return database.transact(async (db) => {
        const own = db.selectFrom("idempotency_keys").where("team_id", "=", teamId);
        const over = await own.select("created_at").orderBy("created_at", "desc").offset(perTeamMax).limit(1).executeTakeFirst();
        const limit = Math.max(before, (over?.created_at ?? -1) + 1);
        const due = await own
          .select("key_hash")
          .where("created_at", "<", limit)
          .where((eb) => eb.or([eb("finished_at", "is not", null), eb("lease_until", "<", before)]))
          .orderBy("created_at")
          .limit(batch)
          .execute();
        for (const { key_hash } of due)
          await db.deleteFrom("idempotency_keys").where("team_id", "=", teamId).where("key_hash", "=", key_hash).execute();
        return due.length;
      });
    },
  };
}
