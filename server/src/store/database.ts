import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

/** What differs between the two SQL engines, by name; nothing else in this folder asks which one it is. */
export interface EngineCapabilities {
  readonly name: "sqlite" | "postgres";
  /** The column type of text that compares byte by byte. */
  readonly textType: string;
  /** The column type of bytes. */
  readonly bytesType: string;
  /** `SELECT … FOR UPDATE` exists (and is needed, since there are several writers). */
  readonly rowLocks: boolean;
  /** A transaction must take an advisory lock to be the only one that migrates. */
  readonly advisoryLocks: boolean;
  /** A commit is on the disk when it is told; else a power cut may take the latest of them. */
  readonly syncsCommits: boolean;
}

/** An open database. */
export interface Database {
  readonly engine: EngineCapabilities;
  /** Runs queries; an error that means the database cannot serve becomes `StoreUnavailableError`, all others stay as they are. */
  run<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /** As `run`, all or nothing. */
  transact<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export const SQLITE: EngineCapabilities = {
  name: "sqlite",
  textType: "text",
  bytesType: "blob",
  rowLocks: false,
  advisoryLocks: false,
  syncsCommits: false,
};

export const POSTGRES: EngineCapabilities = {
  name: "postgres",
  textType: 'text collate "C"',
  bytesType: "bytea",
  rowLocks: true,
  advisoryLocks: true,
  syncsCommits: true,
};
