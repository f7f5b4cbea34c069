import type { Kysely } from "kysely";
import type { TemplateUse } from "../core/template/store.ts";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";

/** What a team's templates take, but for these. */
export async function templateUse(db: Kysely<Schema>, teamId: string, except: readonly string[]): Promise<TemplateUse> {
  const query = db
    .selectFrom("templates")
    .select(({ fn }) => [fn.countAll<number>().as("count"), fn.sum<number | string | null>("size_bytes").as("bytes")])
    .where("team_id", "=", teamId)
    .where("kind", "=", "snapshot")
    .where("state", "in", ["making", "ready"]);
  const { count, bytes } = await (except.length === 0 ? query : query.where("id", "not in", except)).executeTakeFirstOrThrow();
  return { count: Number(count), bytes: Number(bytes ?? 0) };
}

/** To the transaction's end: those of a team that look for room at once do so one after the other. */
export async function lockTeam({ engine }: Database, db: Kysely<Schema>, teamId: string): Promise<void> {
  if (engine.rowLocks) await db.selectFrom("teams").select("id").where("id", "=", teamId).forNoKeyUpdate().executeTakeFirst();
}
