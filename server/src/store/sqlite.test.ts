import assert from "node:assert/strict";
import { copyFile, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { sql } from "kysely";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import { createAccessStore } from "./access-store.ts";
import { describeStore } from "./conformance.ts";
import { SQLITE } from "./database.ts";
import { SQLITE_BUSY_MS_MAX } from "./node-sqlite.ts";
import { openDatabase } from "./open.ts";
import { checkUpgraded, firstVersion } from "./testing/first-version.ts";
import { keyRecord, teamRecord } from "./testing/records.ts";

describeStore("sqlite", () => openDatabase({ kind: "sqlite", path: ":memory:" }, 1000));

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-sqlite-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("the database's files are readable by their owner only, and rows outlive a close", () =>
  withDirectory(async (directory) => {
    const location = { kind: "sqlite", path: join(directory, "capsuled.db") } as const;
    const team = teamRecord();
    const database = await openDatabase(location, 1000);
    await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
    for (const suffix of ["", "-wal", "-shm"]) assert.equal((await stat(location.path + suffix)).mode & 0o777, 0o600);
    await database.close();
    const again = await openDatabase(location, 2000);
    assert.deepEqual(await createAccessStore(again).findTeam(team.id), team);
    await again.close();
  }));

test("a database whose file or log is moved away or replaced takes no change until it is back, and reads go on", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "capsuled.db");
    const database = await openDatabase({ kind: "sqlite", path }, 1000);
    const access = createAccessStore(database);
    const add = (): Promise<string> => {
      const team = teamRecord();
      return access.insertTeam(team, keyRecord({ teamId: team.id })).then(() => team.id);
    };
    const first = await add();
    await rename(path, `${path}.away`);
    await assert.rejects(add(), (error) => error instanceof StoreUnavailableError && /is gone; put it back/.test(error.message));
    assert.equal((await access.findTeam(first))?.id, first);
    await copyFile(`${path}.away`, path);
    await assert.rejects(add(), (error) => error instanceof StoreUnavailableError && /is another one/.test(error.message));
    await rename(`${path}.away`, path);
    await rename(`${path}-wal`, `${path}-wal.away`);
    await assert.rejects(add(), (error) => error instanceof StoreUnavailableError && /-wal is gone; put it back/.test(error.message));
    await rename(`${path}-wal.away`, `${path}-wal`);
    const second = await add();
    await database.close();
    const again = await openDatabase({ kind: "sqlite", path }, 2000);
    for (const id of [first, second]) assert.equal((await createAccessStore(again).findTeam(id))?.id, id);
    await again.close();
  }));

test("a database of the version before is brought up to date, also where capsules share a name", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "capsuled.db");
    const before = new DatabaseSync(path);
    for (const statement of firstVersion(SQLITE)) before.exec(statement);
    before.close();
    const database = await openDatabase({ kind: "sqlite", path }, 1000);
    await checkUpgraded(database);
    await database.close();
  }));

test("the settings that durability and concurrency rest on hold", () =>
  withDirectory(async (directory) => {
    const database = await openDatabase({ kind: "sqlite", path: join(directory, "capsuled.db") }, 1000);
    const pragma = async (name: string): Promise<unknown> =>
      database.run(async (db) => {
        const { rows } = await sql<Record<string, unknown>>`select * from ${sql.raw(`pragma_${name}`)}`.execute(db);
        return Object.values(rows[0] ?? {})[0];
      });
    assert.equal(await pragma("journal_mode"), "wal");
    assert.equal(await pragma("synchronous"), 1);
    assert.equal(await pragma("foreign_keys"), 1);
    assert.equal(await pragma("busy_timeout"), SQLITE_BUSY_MS_MAX);
    await database.close();
  }));

test("a lock held by another process is StoreUnavailableError after a bounded wait, and writing goes on once it is free", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "capsuled.db");
    const database = await openDatabase({ kind: "sqlite", path }, 1000);
    const store = createAccessStore(database);
    const intruder = new DatabaseSync(path);
    intruder.exec("begin immediate");
    const team = teamRecord();
    const before = performance.now();
    await assert.rejects(store.insertTeam(team, keyRecord({ teamId: team.id })), StoreUnavailableError);
    const waited = performance.now() - before;
    assert.ok(waited >= SQLITE_BUSY_MS_MAX - 50 && waited < 30_000, `waited ${waited} ms`);
    assert.equal(await store.countTeams(), 0, "reading does not wait for a writer");
    intruder.exec("rollback");
    intruder.close();
    assert.equal(await store.insertTeam(team, keyRecord({ teamId: team.id })), true);
    await database.close();
  }));

test("a full database, one that cannot be opened, one that is no database and a closed one are StoreUnavailableError", () =>
  withDirectory(async (directory) => {
    const full = await openDatabase({ kind: "sqlite", path: join(directory, "full.db") }, 1000);
    await full.run(async (db) => {
      const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db);
      await sql.raw(`pragma max_page_count = ${rows[0]?.page_count ?? 0}`).execute(db);
    });
    const team = teamRecord();
    await assert.rejects(
      createAccessStore(full).insertTeam(team, keyRecord({ teamId: team.id, name: "x".repeat(100_000) })),
      StoreUnavailableError,
    );
    assert.equal(await createAccessStore(full).countTeams(), 0, "nothing is half done, and reading goes on");
    await full.close();
    await assert.rejects(createAccessStore(full).countTeams(), StoreUnavailableError);

    await assert.rejects(openDatabase({ kind: "sqlite", path: join(directory, "absent", "x.db") }, 1000), StoreUnavailableError);
    await writeFile(join(directory, "text.db"), "this is certainly not a database".repeat(200));
    await assert.rejects(openDatabase({ kind: "sqlite", path: join(directory, "text.db") }, 1000), StoreUnavailableError);
  }));

test("a mistake in a query stays the error that it is", async () => {
  const database = await openDatabase({ kind: "sqlite", path: ":memory:" }, 1000);
  const team = teamRecord();
  const store = createAccessStore(database);
  await store.insertTeam(team, keyRecord({ teamId: team.id }));
  const [key] = await store.listKeys(team.id);
  assert.ok(key);
  await assert.rejects(
    store.insertKey(key, 10),
    (error) => error instanceof Error && !(error instanceof StoreUnavailableError) && /UNIQUE/.test(error.message),
  );
  await database.close();
});
