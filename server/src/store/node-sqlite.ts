import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";
import type { SqliteDatabase, SqliteStatement } from "kysely";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import { createBoundedCache } from "../lib/bounded-cache.ts";
import { placeOf } from "./file-place.ts";

/** Milliseconds that a statement waits for another process's lock; the server's event loop stands still meanwhile. */
export const SQLITE_BUSY_MS_MAX = 250;

/** Prepared statements kept; a list's filters make some variants of one query. */
const STATEMENTS_MAX = 200;

/** Bytes of the write-ahead log at which a change waits for a checkpoint itself, where `onChange` has led to none; it is cut back to them. */
export const WAL_BYTES_KEPT = 64 * 1024 * 1024;
/** Bytes of a page: SQLite's own default. */
const PAGE_BYTES = 4096;

function isInput(value: unknown): value is SQLInputValue {
  return value === null || ["string", "number", "bigint"].includes(typeof value) || value instanceof Uint8Array;
}

function checked(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters.map((value) => {
    if (!isInput(value)) throw new TypeError(`a ${typeof value} cannot be a SQL parameter`);
    return value;
  });
}

function wrap(statement: StatementSync): SqliteStatement {
  return {
    // A statement that yields columns (SELECT, RETURNING) has rows to read; the others report what they changed.
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...checked(parameters)),
    run: (parameters) => statement.run(...checked(parameters)),
    iterate: (parameters) => statement.iterate(...checked(parameters)),
  };
}

/** SQLite rolls back by itself when the disk is full or fails; a second rollback would hide that error behind its own. */
function rollbackOf(database: DatabaseSync): SqliteStatement {
  const statement = wrap(database.prepare("rollback"));
  return { ...statement, run: (parameters) => (database.isTransaction ? statement.run(parameters) : { changes: 0, lastInsertRowid: 0 }) };
}

/**
 * Throws `StoreUnavailableError` once the database's file or its log is not the one that was opened. SQLite goes on writing into files
 * that were removed or moved, and all of that would be lost with the server's end.
 */
function guardOf(path: string): () => void {
  if (path === ":memory:") return () => {};
  const opened = new Map<string, string>();
  const check = (file: string): void => {
    const place = placeOf(file);
    const first = opened.get(file);
    // The log is made by the first change.
    if (first === undefined && place !== undefined) opened.set(file, place);
    if (first === place || first === undefined) return;
    throw new StoreUnavailableError(
      place === undefined
        ? `the database file ${file} is gone; put it back`
        : `the database file ${file} is another one; start the server anew`,
    );
  };
  const guard = (): void => {
    check(path);
    check(`${path}-wal`);
  };
  guard();
  return guard;
}

/** A statement that may be the first of a change is preceded by `before`. */
function preceded(statement: SqliteStatement, database: DatabaseSync, before: () => void): SqliteStatement {
  const act = <T>(run: (parameters: readonly unknown[]) => T) => {
    return (parameters: readonly unknown[]): T => {
      if (!database.isTransaction) before();
      return run(parameters);
    };
  };
  return { ...statement, all: act((parameters) => statement.all(parameters)), run: act((parameters) => statement.run(parameters)) };
}

/**
 * Opens `path` (or `:memory:`) through Node's own SQLite, in the form that Kysely's dialect takes; `onChange` is told of each change
 * before it. Creates the file; throws SQLite's error.
 */
export function openNodeSqlite(path: string, onChange: () => void = () => {}): SqliteDatabase {
  const database = new DatabaseSync(path, { timeout: SQLITE_BUSY_MS_MAX, enableForeignKeyConstraints: true });
  try {
    database.exec(`pragma journal_mode = wal; pragma synchronous = normal; pragma journal_size_limit = ${WAL_BYTES_KEPT}`);
    database.exec(`pragma wal_autocheckpoint = ${WAL_BYTES_KEPT / PAGE_BYTES}`);
  } catch (error) {
    database.close();
    throw error;
  }
  const guard = guardOf(path);
  const before = (): void => {
    guard();
    onChange();
  };
  const statements = createBoundedCache<SqliteStatement>({ entriesMax: STATEMENTS_MAX });
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = sql === "rollback" ? rollbackOf(database) : wrap(database.prepare(sql));
      const statement = /^(select|pragma|rollback)\b/i.test(sql) ? made : preceded(made, database, before);
      statements.set(sql, statement);
      return statement;
    },
  };
}
