import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { POSTGRES } from "./database.ts";
import type { Database } from "./database.ts";
import { EVENT_ID_GAP, skipLostEventIds } from "./event-id-gap.ts";
import { createEventStore } from "./event-store.ts";
import { openDatabase } from "./open.ts";

async function withDatabase(work: (database: Database, path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-event-ids-"));
  const path = join(directory, "capsuled.db");
  const database = await openDatabase({ kind: "sqlite", path }, 1000);
  try {
    await work(database, path);
  } finally {
    await database.close();
    await rm(directory, { recursive: true });
  }
}

const latest = (database: Database): Promise<number> => createEventStore(database).latestId();

test("ids of events have no hole over starts of the server, and one over a start of the machine, each time anew", () =>
  withDatabase(async (database) => {
    assert.equal(await skipLostEventIds(database, "boot 1"), false);
    assert.equal(await skipLostEventIds(database, "boot 1"), false);
    assert.equal(await latest(database), 0);
    assert.equal(await skipLostEventIds(database, "boot 2"), true);
    assert.equal(await skipLostEventIds(database, "boot 2"), false);
    assert.equal(await latest(database), EVENT_ID_GAP);
    assert.equal(await skipLostEventIds(database, "boot 3"), true);
    assert.equal(await latest(database), 2 * EVENT_ID_GAP);
  }));

test("the hole is in the database's own file, not in a log that the next power cut may take", () =>
  withDatabase(async (database, path) => {
    await skipLostEventIds(database, "boot 1");
    await skipLostEventIds(database, "boot 2");
    // As a power cut may leave it: the file without its log.
    const file = new DatabaseSync(`file:${path}?immutable=1`, { readOnly: true });
    try {
      assert.equal(file.prepare("select value from counters where name = 'events'").get()?.["value"], EVENT_ID_GAP);
    } finally {
      file.close();
    }
  }));

test("an engine that syncs each commit leaves no id out", () =>
  withDatabase(async (database) => {
    const synced = { ...database, engine: POSTGRES };
    assert.equal(await skipLostEventIds(synced, "boot 1"), false);
    assert.equal(await skipLostEventIds(synced, "boot 2"), false);
    assert.equal(await latest(database), 0);
  }));
