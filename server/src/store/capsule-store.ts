import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { CapsuleRecord } from "../core/capsule/record.ts";
import type { CapsuleListFilter, CapsuleStore } from "../core/capsule/store.ts";
import type { EventDraft } from "../core/event/record.ts";
import type { CapsuleUpkeep } from "../core/capsule/upkeep.ts";
import { holdsName, toChangedColumns, toRecord, toRow } from "./capsule-row.ts";
import { countByState, removeDestroyed } from "./capsule-upkeep.ts";
import type { Database } from "./database.ts";
import { insertEvents } from "./insert-events.ts";
import { latestTimes } from "./latest-times.ts";
import type { CapsuleRow, Schema } from "./schema.ts";
import { endUnseen } from "./unseen-ends.ts";

/** A team's capsules, newest first, read along an index from the cursor on, so that a page costs the same wherever it lies. */
export function listQuery(
  db: Kysely<Schema>,
  filter: CapsuleListFilter,
): { execute(): Promise<CapsuleRow[]>; compile(): { sql: string; parameters: readonly unknown[] } } {
  let query = db
    .selectFrom("capsules")
    .selectAll()
    .where("team_id", "=", filter.teamId)
    .where("state", "in", filter.states)
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(filter.limit);
  // Said as a literal, this lets the engine use the index that leaves the destroyed ones out.
  if (!filter.states.includes("destroyed")) query = query.where(sql<boolean>`state <> 'destroyed'`);
  const after = filter.after;
  if (after !== null) query = query.where((eb) => eb(eb.refTuple("created_at", "id"), "<", eb.tuple(after.createdAt, after.id)));
  for (const [key, value] of Object.entries(filter.metadata)) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom("capsule_metadata")
          .select(sql<number>`1`.as("one"))
          .whereRef("capsule_metadata.capsule_id", "=", "capsules.id")
          .where("key", "=", key)
          .where("value", "=", value),
      ),
    );
  }
  return query;
}

/** What cannot be stored (an empty set of states, a NUL) matches no row, and PostgreSQL would refuse the question. */
function matchesNothing(filter: CapsuleListFilter): boolean {
  const pairs = Object.entries(filter.metadata).flat();
  return filter.states.length === 0 || filter.limit < 1 || pairs.some((text) => text.includes("\0"));
}

/** The row that keeps a new one from being stored: the same id, or the same name in the same team. */
async function holderOf(db: Kysely<Schema>, record: CapsuleRecord): Promise<CapsuleRow | undefined> {
  const same = await db.selectFrom("capsules").selectAll().where("id", "=", record.id).executeTakeFirst();
  if (same !== undefined || record.name === null) return same;
  return db.selectFrom("capsules").selectAll().where("team_id", "=", record.teamId).where("held_name", "=", record.name).executeTakeFirst();
}

/** The pairs of the metadata are for the list's filter only; they come and go with their capsule. */
async function insertOne(db: Kysely<Schema>, record: CapsuleRecord, event: EventDraft): Promise<CapsuleRecord | undefined> {
  const pairs = Object.entries(record.metadata).map(([key, value]) => ({ capsule_id: record.id, key, value }));
  const inserted = await db
    .insertInto("capsules")
    .values(toRow(record))
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows !== 1n) {
    const found = await holderOf(db, record);
    if (found === undefined) throw new Error(`the capsule ${record.id} could not be stored, and nothing holds its place`);
    return toRecord(found);
  }
  if (pairs.length > 0) await db.insertInto("capsule_metadata").values(pairs).execute();
  await insertEvents(db, [event]);
  return undefined;
}

/** Undoes the others of the same transaction. */
class PlaceTaken extends Error {
  readonly holder: CapsuleRecord;
  constructor(holder: CapsuleRecord) {
    super(`the place is taken by ${holder.id}`);
    this.holder = holder;
  }
}

/** Capsules' rows in SQL. `onEvents` is called with the team after each commit that stored events. */
export function createCapsuleStore(database: Database, onEvents: (teamId: string) => void = () => {}): CapsuleStore & CapsuleUpkeep {
  return {
    async insert(record, event) {
      const holder = await database.transact((db) => insertOne(db, record, event));
      if (holder === undefined) onEvents(record.teamId);
      return holder;
    },

    async insertAll(entries) {
      try {
        await database.transact(async (db) => {
          for (const { record, event } of entries) {
            const holder = await insertOne(db, record, event);
            if (holder !== undefined) throw new PlaceTaken(holder);
          }
        });
      } catch (error) {
        if (error instanceof PlaceTaken) return error.holder;
        throw error;
      }
      for (const teamId of new Set(entries.map(({ record }) => record.teamId))) onEvents(teamId);
      return undefined;
    },

    async find(id) {
      const row = await database.run((db) => db.selectFrom("capsules").selectAll().where("id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : toRecord(row);
    },

    async findNamed(teamId, name) {
      const row = await database.run((db) =>
        db.selectFrom("capsules").selectAll().where("team_id", "=", teamId).where("held_name", "=", name).executeTakeFirst(),
      );
      return row === undefined ? undefined : toRecord(row);
    },

    async list(filter) {
      if (matchesNothing(filter)) return [];
      return (await database.run((db) => listQuery(db, filter).execute())).map(toRecord);
    },

    // Oldest change first, so that a loop that takes a batch at a time starves no row.
    async listOnHost(hostId, states, limit) {
      if (states.length === 0) return [];
      const rows = await database.run((db) =>
        db
          .selectFrom("capsules")
          .selectAll()
          .where("host_id", "=", hostId)
          .where("state", "in", states)
          .orderBy("state_changed_at")
          .orderBy("id")
          .limit(limit)
          .execute(),
      );
      return rows.map(toRecord);
    },

    async count(teamId, states) {
      if (states.length === 0) return 0;
      const row = await database.run((db) =>
        db
          .selectFrom("capsules")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .where("team_id", "=", teamId)
          .where("state", "in", states)
          .executeTakeFirstOrThrow(),
      );
      return row.count;
    },

    async transition(from, to, change, at, effects): Promise<CapsuleRecord | undefined> {
      const columns = {
        ...toChangedColumns(change),
        state: to,
        version: from.version + 1,
        ...(to !== from.state && { state_changed_at: at }),
        ...(!holdsName(to) && { held_name: null }),
      };
      // One statement is the whole compare-and-set; a row that changed meanwhile is not found.
      const set = (db: Kysely<Schema>): Promise<CapsuleRow | undefined> =>
        db
          .updateTable("capsules")
          .set(columns)
          .where("id", "=", from.id)
          .where("state", "=", from.state)
          .where("version", "=", from.version)
          .returningAll()
          .executeTakeFirst();
      const { event, unseenEnd } = effects;
      if (event === null) {
        const row = await database.run(set);
        return row === undefined ? undefined : toRecord(row);
      }
      const row = await database.transact(async (db) => {
        const changed = await set(db);
        if (changed === undefined) return undefined;
        const ends = unseenEnd === null ? [] : await endUnseen(db, from.id, unseenEnd, event.actor, at);
        await insertEvents(db, [...ends, event]);
        return changed;
      });
      if (row === undefined) return undefined;
      onEvents(row.team_id);
      return toRecord(row);
    },

    async recordActivity(entries) {
      await latestTimes(
        database,
        "capsules",
        "last_active_at",
        entries.map(({ id, lastActiveAt }) => ({ id, at: lastActiveAt })),
      );
    },

    countByState: (hostId) => countByState(database, hostId),
    removeDestroyed: (before, limit) => removeDestroyed(database, before, limit),
  };
}
