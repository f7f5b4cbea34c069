import { StoreUnavailableError } from "../core/capsule/store.ts";

/** SQLite's primary result codes that mean: the file cannot be read or written at the moment. */
const SQLITE_CODES = new Map<number, string>([
  [5, "another process holds the database's lock"],
  [6, "the database is locked"],
  [8, "the database is read-only"],
  [10, "the disk under the database fails"],
  [11, "the database file is damaged"],
  [13, "the disk under the database is full"],
  [14, "the database file cannot be opened"],
  [23, "the database file may not be accessed"],
  [26, "the database file is not a database"],
]);

/** Node's codes of a connection that failed or broke. */
const CONNECTION_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EACCES",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ERR_INVALID_STATE",
]);

/**
 * SQLSTATEs (or their first two characters, the class): connection, authorization, no such database, resources, operator, system,
 * damage; and single ones: serialization failure, deadlock, lock not available, read-only.
 */
const SQLSTATE_CLASSES = new Set(["08", "28", "3D", "53", "57", "58", "XX"]);
const SQLSTATES = new Set(["40001", "40P01", "55P03", "25006"]);

/** The pool and the client report some ends of a connection by text only. */
const CONNECTION_TEXTS =
  /connection terminated|connection error|timeout exceeded when trying to connect|timeout expired|query read timeout|after calling end on the pool|not queryable|driver has already been destroyed/i;

function detail(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null && name in error ? Reflect.get(error, name) : undefined;
}

function whyUnavailable(error: unknown): string | undefined {
  const errcode = detail(error, "errcode");
  if (typeof errcode === "number") return SQLITE_CODES.get(errcode & 0xff);
  const code = detail(error, "code");
  if (typeof code === "string") {
    if (CONNECTION_CODES.has(code)) return `the database cannot be reached (${code})`;
    if (/^[0-9A-Z]{5}$/.test(code) && (SQLSTATE_CLASSES.has(code.slice(0, 2)) || SQLSTATES.has(code))) {
      return `the database cannot serve (SQLSTATE ${code})`;
    }
  }
  // A host name with several addresses fails with all of their errors in one.
  if (error instanceof AggregateError) return error.errors.map(whyUnavailable).find((why) => why !== undefined);
  return error instanceof Error && CONNECTION_TEXTS.test(error.message) ? "the connection to the database ended" : undefined;
}

/** The error to throw for what a database threw: `StoreUnavailableError` when it cannot serve, else the error itself. */
export function translateDatabaseError(error: unknown): unknown {
  if (error instanceof StoreUnavailableError) return error;
  const why = whyUnavailable(error);
  return why === undefined ? error : new StoreUnavailableError(why, { cause: error });
}
