import { sql } from "kysely";
import type { Database } from "./database.ts";

/** Rows of one statement; two parameters each. */
const BATCH_MAX = 500;

/**
 * Sets a time column where the given time is later, in one transaction. `values` names its columns `column1`, `column2`
 * in both engines; the casts tell PostgreSQL the parameters' types. Sorted by id, so that two servers lock rows in one order.
 */
export async function latestTimes(
  database: Database,
  table: "capsules" | "api_keys",
  column: "last_active_at" | "last_used_at",
  entries: readonly { readonly id: string; readonly at: number }[],
): Promise<void> {
  if (entries.length === 0) return;
  const latest = new Map<string, number>();
  for (const { id, at } of entries) latest.set(id, Math.max(at, latest.get(id) ?? 0));
  const sorted = [...latest].toSorted(([left], [right]) => (left < right ? -1 : 1));
  await database.transact(async (db) => {
    for (let start = 0; start < sorted.length; start += BATCH_MAX) {
      const rows = sorted.slice(start, start + BATCH_MAX).map(([id, at]) => sql`(cast(${id} as text), cast(${at} as bigint))`);
      await sql`
        update ${sql.table(table)} set ${sql.ref(column)} = given.column2
        from (values ${sql.join(rows)}) as given
        where ${sql.table(table)}.id = given.column1
          and coalesce(${sql.table(table)}.${sql.ref(column)}, 0) < given.column2`.execute(db);
    }
  });
}
