import { TypeOverrides } from "pg";
import type { PoolConfig } from "pg";

/** Connections of one server. */
export const POSTGRES_CONNECTIONS_MAX = 10;
/** Milliseconds to wait for a connection. */
export const POSTGRES_CONNECT_MS_MAX = 2000;
/** Milliseconds that one statement may run, told to the database; and after which the client gives up on a dead connection. */
export const POSTGRES_STATEMENT_MS_MAX = 10_000;
const POSTGRES_READ_MS_MAX = 12_000;
const POSTGRES_IDLE_MS = 30_000;

const OID_INT8 = 20;

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond what a number holds exactly`);
  return value;
}

function numbersForInt8(): TypeOverrides {
  const overrides = new TypeOverrides();
  overrides.setTypeParser(OID_INT8, parseInt8);
  return overrides;
}

/** Settings of the pool. 8-byte integers (times, counts) arrive as numbers, as they do from SQLite. */
export function postgresSettings(url: string): PoolConfig {
  return {
    connectionString: url,
    max: POSTGRES_CONNECTIONS_MAX,
    connectionTimeoutMillis: POSTGRES_CONNECT_MS_MAX,
    idleTimeoutMillis: POSTGRES_IDLE_MS,
    statement_timeout: POSTGRES_STATEMENT_MS_MAX,
    query_timeout: POSTGRES_READ_MS_MAX,
    keepAlive: true,
    application_name: "capsuled",
    types: numbersForInt8(),
  };
}
