import { closeSync, openSync } from "node:fs";
import { Kysely, PostgresDialect, SqliteDialect } from "kysely";
import type { Dialect } from "kysely";
import { Pool } from "pg";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import type { Database, EngineCapabilities } from "./database.ts";
import { POSTGRES, SQLITE } from "./database.ts";
import { migrate } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";
import { openNodeSqlite } from "./node-sqlite.ts";
import { postgresSettings } from "./postgres.ts";
import type { Schema } from "./schema.ts";
import { translateDatabaseError } from "./unavailable.ts";

/** Where the database is: a file (or `:memory:`), or a `postgres://` URL. */
export type DatabaseLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string; readonly onIdleError: (error: Error) => void };

function connect(dialect: Dialect, engine: EngineCapabilities): Database {
  const db = new Kysely<Schema>({ dialect });
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }
  return {
    engine,
    run: (work) => guarded(() => work(db)),
    transact: (work) => guarded(() => db.transaction().execute(work)),
    close: () => db.destroy(),
  };
}

function dialectFor(location: DatabaseLocation): { readonly dialect: Dialect; readonly engine: EngineCapabilities } {
  switch (location.kind) {
    case "sqlite": {
      // The file is made first, since SQLite would make it readable to everyone; its log files take over its mode.
      if (location.path !== ":memory:") closeSync(openSync(location.path, "a", 0o600));
      return { dialect: new SqliteDialect({ database: openNodeSqlite(location.path) }), engine: SQLITE };
    }
    case "postgres": {
      const pool = new Pool(postgresSettings(location.url));
      pool.on("error", location.onIdleError);
      return { dialect: new PostgresDialect({ pool }), engine: POSTGRES };
    }
  }
}

/** Where the database is, in words and without its password. */
function placeOf(location: DatabaseLocation): string {
  switch (location.kind) {
    case "sqlite":
      return `the database file ${location.path}`;
    case "postgres": {
      const { host, pathname } = new URL(location.url);
      return `the database ${host}${pathname} of CAPSULED_DATABASE_URL`;
    }
  }
}

/** Opens the database and brings its tables up to date. Throws `StoreUnavailableError`, or `SchemaMismatchError` when another version's server wrote it. */
export async function openDatabase(location: DatabaseLocation, now: number): Promise<Database> {
  let database: Database | undefined;
  try {
    const { dialect, engine } = dialectFor(location);
    database = connect(dialect, engine);
    await migrate(database, migrations, now);
    return database;
  } catch (error) {
    await database?.close();
    const translated = translateDatabaseError(error);
    if (!(translated instanceof StoreUnavailableError)) throw translated;
    throw new StoreUnavailableError(`${placeOf(location)} cannot be opened: ${translated.message}`, { cause: translated.cause });
  }
}
