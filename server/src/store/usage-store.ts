import type { Kysely } from "kysely";
import type { DayUsage, Mark, UsageStore } from "../core/metrics/store.ts";
import type { Database } from "./database.ts";
import type { Schema, UsageDayRow } from "./schema.ts";

/** Rows of one statement; five parameters each. */
const BATCH_MAX = 500;

const toUsage = (row: UsageDayRow): DayUsage => ({
  teamId: row.team_id,
  day: row.day,
  capsuleMs: row.capsule_ms,
  vcpuMs: row.vcpu_ms,
  memoryMbMs: row.memory_mb_ms,
});

const toRow = ({ teamId, day, capsuleMs, vcpuMs, memoryMbMs }: DayUsage): UsageDayRow => ({
  team_id: teamId,
  day,
  capsule_ms: capsuleMs,
  vcpu_ms: vcpuMs,
  memory_mb_ms: memoryMbMs,
});

async function markOf(db: Kysely<Schema>, hostId: string): Promise<Mark | null> {
  const row = await db.selectFrom("usage_marks").selectAll().where("host_id", "=", hostId).executeTakeFirst();
  return row === undefined ? null : { steadyMs: row.counted_to, at: row.counted_at };
}

/** Moves the mark where it is at `from`. */
async function moveMark(db: Kysely<Schema>, hostId: string, from: Mark | null, to: Mark): Promise<boolean> {
  const columns = { counted_to: to.steadyMs, counted_at: to.at };
  if (from === null) {
    const made = await db
      .insertInto("usage_marks")
      .values({ host_id: hostId, ...columns })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return made.numInsertedOrUpdatedRows === 1n;
  }
  const moved = await db
    .updateTable("usage_marks")
    .set(columns)
    .where("host_id", "=", hostId)
    .where("counted_to", "=", from.steadyMs)
    .executeTakeFirst();
  return moved.numUpdatedRows === 1n;
}

async function addAll(db: Kysely<Schema>, sums: readonly DayUsage[]): Promise<void> {
  for (let start = 0; start < sums.length; start += BATCH_MAX) {
    await db
      .insertInto("usage_days")
      .values(sums.slice(start, start + BATCH_MAX).map(toRow))
      .onConflict((conflict) =>
        conflict.columns(["team_id", "day"]).doUpdateSet((eb) => ({
          capsule_ms: eb("usage_days.capsule_ms", "+", eb.ref("excluded.capsule_ms")),
          vcpu_ms: eb("usage_days.vcpu_ms", "+", eb.ref("excluded.vcpu_ms")),
          memory_mb_ms: eb("usage_days.memory_mb_ms", "+", eb.ref("excluded.memory_mb_ms")),
        })),
      )
      .execute();
  }
}

/** Daily sums in SQL; the servers of several hosts add to the same rows. */
export function createUsageStore(database: Database): UsageStore {
  return {
    mark: (hostId) => database.run((db) => markOf(db, hostId)),

    async add(hostId, from, to, sums) {
      // Sorted, so that two servers lock rows in one order.
      const sorted = sums.toSorted((left, right) =>
        left.teamId === right.teamId ? left.day - right.day : left.teamId < right.teamId ? -1 : 1,
      );
      return database.transact(async (db) => {
        if (!(await moveMark(db, hostId, from, to))) return markOf(db, hostId);
        await addAll(db, sorted);
        return to;
      });
    },

    async list(teamId, first, last) {
      const rows = await database.run((db) =>
        db
          .selectFrom("usage_days")
          .selectAll()
          .where("team_id", "=", teamId)
          .where("day", ">=", first)
          .where("day", "<=", last)
          .orderBy("day")
          .execute(),
      );
      return rows.map(toUsage);
    },

    async removeOldest(before) {
      const { numDeletedRows } = await database.run((db) =>
        db
          .deleteFrom("usage_days")
          .where("day", "=", (eb) => eb.selectFrom("usage_days").select("day").where("day", "<", before).orderBy("day").limit(1))
          .executeTakeFirst(),
      );
      return Number(numDeletedRows);
    },
  };
}
