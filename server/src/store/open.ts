import { closeSync, openSync } from "node:fs";
import { Kysely, PostgresDialect, SqliteDialect } from "kysely";
import type { Dialect } from "kysely";
import { Pool } from "pg";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import { Checkpoints } from "./checkpoints.ts";
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

interface Connection {
  readonly dialect: Dialect;
  readonly engine: EngineCapabilities;
  /** Ends what works on the database beside the connection. */
  readonly closing: () => Promise<void>;
}

function connect({ dialect, engine, closing }: Connection): Database {
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
    close: async () => {
      await closing();
      await db.destroy();
    },
  };
}

function connectionTo(location: DatabaseLocation): Connection {
  switch (location.kind) {
    case "sqlite": {
      if (location.path === ":memory:")
        return { dialect: new SqliteDialect({ database: openNodeSqlite(location.path) }), engine: SQLITE, closing: async () => {} };
      // The file is made first, since SQLite would make it readable to everyone; its log files take over its mode.
      closeSync(openSync(location.path, "a", 0o600));
      const checkpoints = new Checkpoints(location.path);
      const database = openNodeSqlite(location.path, () => checkpoints.changed());
      return { dialect: new SqliteDialect({ database }), engine: SQLITE, closing: () => checkpoints.close() };
    }
    case "postgres": {
      const pool = new Pool(postgresSettings(location.url));
      pool.on("error", location.onIdleError);
      return { dialect: new PostgresDialect({ pool }), engine: POSTGRES, closing: async () => {} };
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
    database = connect(connectionTo(location));
    await migrate(database, migrations, now);
    return database;
  } catch (error) {
    await database?.close();
    const translated = translateDatabaseError(error);
    if (!(translated instanceof StoreUnavailableError)) throw translated;
    throw new StoreUnavailableError(`${placeOf(location)} cannot be opened: ${translated.message}`, { cause: translated.cause });
  }
}
