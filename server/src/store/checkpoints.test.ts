import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CHANGES_PER_CHECKPOINT, Checkpoints } from "./checkpoints.ts";
import { openNodeSqlite, WAL_BYTES_KEPT } from "./node-sqlite.ts";

/** Bytes of a row that fills a page. */
const ROW_BYTES = 3500;
const WAIT_MS = 20_000;

interface Trial {
  readonly path: string;
  readonly checkpoints: Checkpoints;
  /** Adds rows, each a change of its own. */
  add(rows: number): void;
}

async function withDatabase(work: (trial: Trial) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-checkpoints-"));
  const path = join(directory, "capsuled.db");
  const checkpoints = new Checkpoints(path);
  const database = openNodeSqlite(path, () => checkpoints.changed());
  try {
    database.prepare("create table rows (id integer primary key, what text)").run([]);
    const insert = database.prepare("insert into rows (what) values (?)");
    await work({
      path,
      checkpoints,
      add: (rows) => {
        for (let row = 0; row < rows; row += 1) insert.run(["x".repeat(ROW_BYTES)]);
      },
    });
  } finally {
    await checkpoints.close();
    database.close();
    await rm(directory, { recursive: true });
  }
}

/** What the database's file itself holds, its log left aside. */
async function rowsInFile(path: string): Promise<number> {
  const alone = new DatabaseSync(`file:${path}?immutable=1`, { readOnly: true });
  try {
    return Number(alone.prepare("select count(*) as rows from rows").get()?.["rows"]);
  } catch {
    return 0; // not even the table
  } finally {
    alone.close();
  }
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + WAIT_MS; !(await isSo()); await pause(5)) assert.ok(Date.now() < end, what);
}

test("changes are written back into the database while it is written to, long before its log reaches its bound", () =>
  withDatabase(async ({ path, add }) => {
    for (let round = 1; round <= 4; round += 1) {
      const before = await rowsInFile(path);
      add(CHANGES_PER_CHECKPOINT);
      await until(async () => (await rowsInFile(path)) > before, `the checkpoint of round ${round}`);
    }
    assert.ok((await stat(`${path}-wal`)).size < WAL_BYTES_KEPT / 16, "the log begins anew once all of it is written back");
  }));

test("fewer changes than a checkpoint is for start no thread, and all are there after a close", () =>
  withDatabase(async ({ path, checkpoints, add }) => {
    add(CHANGES_PER_CHECKPOINT - 2);
    await checkpoints.close();
    assert.equal(await rowsInFile(path), 0);
  }));

test("a close waits for the checkpoint under way, and none comes after it", () =>
  withDatabase(async ({ path, checkpoints, add }) => {
    add(CHANGES_PER_CHECKPOINT);
    await checkpoints.close();
    const written = await rowsInFile(path);
    assert.ok(written > 0);
    add(CHANGES_PER_CHECKPOINT * 4);
    await checkpoints.close();
    assert.equal(await rowsInFile(path), written);
  }));

test("without a thread the log is written back by the connection that writes, at its bound", async () => {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-checkpoints-"));
  const path = join(directory, "capsuled.db");
  const database = openNodeSqlite(path);
  try {
    database.prepare("create table rows (id integer primary key, what blob)").run([]);
    const insert = database.prepare("insert into rows (what) values (zeroblob(?))");
    for (let written = 0; written < WAL_BYTES_KEPT + 8 * 1024 * 1024; written += 1024 * 1024) insert.run([1024 * 1024]);
    assert.ok((await rowsInFile(path)) >= 60);
    assert.ok((await stat(`${path}-wal`)).size <= WAL_BYTES_KEPT + 8 * 1024 * 1024);
  } finally {
    database.close();
    await rm(directory, { recursive: true });
  }
});
