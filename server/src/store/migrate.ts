import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Database, EngineCapabilities } from "./database.ts";
import type { Schema } from "./schema.ts";

/** One step of the schema, forward only. Once released it never changes: `manifest.ts` holds its checksums. */
export interface Migration {
  /** `0001_first`: ascending. */
  readonly name: string;
  statements(engine: EngineCapabilities): readonly string[];
}

/** The database's tables are not what this server's migrations make. */
export class SchemaMismatchError extends Error {
  override readonly name = "SchemaMismatchError";
}

/** Any constant, the same in every server, that names the right to migrate. */
const MIGRATION_LOCK = 6_620_171;

export function checksumOf(migration: Migration, engine: EngineCapabilities): string {
  const text = migration.statements(engine).map((statement) => statement.replaceAll(/\s+/g, " ").trim());
  return createHash("sha256").update(JSON.stringify(text)).digest("hex");
}

/** Applies what is missing, all or nothing; servers that start at once wait for each other. Throws `SchemaMismatchError`. */
export async function migrate(database: Database, migrations: readonly Migration[], now: number): Promise<readonly string[]> {
  return database.transact(async (db) => {
    if (database.engine.advisoryLocks) await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(db);
    const text = sql.raw(database.engine.textType);
    await sql`create table if not exists schema_migrations (name ${text} primary key, checksum ${text} not null, applied_at bigint not null)`.execute(
      db,
    );
    const applied = await db.selectFrom("schema_migrations").select(["name", "checksum"]).orderBy("name").execute();
    checkHistory(applied, migrations, database.engine);
    const missing = migrations.slice(applied.length);
    for (const migration of missing) await apply(db, migration, database.engine, now);
    return missing.map((migration) => migration.name);
  });
}

function checkHistory(
  applied: readonly { readonly name: string; readonly checksum: string }[],
  migrations: readonly Migration[],
  engine: EngineCapabilities,
): void {
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index];
    if (migration === undefined || migration.name !== row.name) {
      throw new SchemaMismatchError(
        `the database has the migration ${row.name}, which this server does not know: a newer server wrote it; run that one`,
      );
    }
    if (checksumOf(migration, engine) !== row.checksum) {
      throw new SchemaMismatchError(`the migration ${row.name} was applied to the database in another form than this server's`);
    }
  }
}

async function apply(db: Kysely<Schema>, migration: Migration, engine: EngineCapabilities, now: number): Promise<void> {
  for (const statement of migration.statements(engine)) await sql.raw(statement).execute(db);
  await db
    .insertInto("schema_migrations")
    .values({ name: migration.name, checksum: checksumOf(migration, engine), applied_at: now })
    .execute();
}
