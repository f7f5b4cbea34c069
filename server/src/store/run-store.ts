import { CompiledQuery } from "kysely";
import type { Kysely } from "kysely";
import type { NotificationDraft } from "../core/run/ended.ts";
import { invalid } from "../core/fail.ts";
import type { RunRecord } from "../core/run/record.ts";
import type { RunStore } from "../core/run/store.ts";
import type { RunUpkeep } from "../core/run/upkeep.ts";
import type { Database } from "./database.ts";
import type { NotificationRow, RunRow, Schema } from "./schema.ts";
import { createRunUpkeep } from "./run-upkeep.ts";
import { RUN_HEAD, storableDedupe, toOutput, toRun, toRunRow } from "./run-row.ts";

/** Rows of one statement; fifteen parameters each. */
const BATCH_MAX = 64;
/** Runs that have not ended and are read at once. */
const OPEN_MAX = 100_000;

function toNotification(draft: NotificationDraft): NotificationRow {
  return {
    run_id: draft.runId,
    team_id: draft.teamId,
    endpoint_id: draft.endpointId,
    url: draft.url,
    status: "pending",
    attempts: 0,
    next_attempt_at: draft.createdAt,
    last_status: null,
    last_error: null,
    claimed_until: null,
    created_at: draft.createdAt,
  };
}

async function insertNotifications(db: Kysely<Schema>, drafts: readonly NotificationDraft[]): Promise<void> {
  if (drafts.length === 0) return;
  await db
    .insertInto("notifications")
    .values(drafts.map(toNotification))
    .onConflict((conflict) => conflict.column("run_id").doNothing())
    .execute();
}

/** The row that keeps a new run from being stored. */
async function holderOf(db: Kysely<Schema>, run: RunRecord): Promise<RunRecord> {
  const heads = db.selectFrom("runs").select(RUN_HEAD);
  const row =
    (run.dedupe === null
      ? undefined
      : await heads.where("endpoint_id", "=", run.endpointId).where("dedupe", "=", storableDedupe(run.dedupe)).executeTakeFirst()) ??
    (await heads.where("id", "=", run.id).executeTakeFirst());
  if (row === undefined) throw new Error(`the run ${run.id} could not be stored, and nothing holds its place`);
  return toRun(row);
}

/** Only what was stored before it started has an input: what is named, what waits, and what nobody waits for. */
function mayHaveInput(run: RunRecord): boolean {
  return run.dedupe !== null || run.deadlineAt !== null;
}

/** Cut into pieces of few different lengths, so that there are few different statements to prepare. */
function* pieces<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let at = 0, length = BATCH_MAX; at < rows.length; at += length) {
    while (length > rows.length - at) length /= 4;
    yield rows.slice(at, at + length);
  }
}

/** The statements of `upsert` by their number of rows: to make one costs more than to run it. */
type Upserts = Map<number, string>;

/** Whole rows, new or anew; one that has ended stays as it is. */
async function upsert(db: Kysely<Schema>, made: Upserts, rows: readonly RunRow[]): Promise<void> {
  const text = made.get(rows.length) ?? upsertText(db, rows);
  made.set(rows.length, text);
  // Every row was made by `toRunRow`, so all name their columns in one order.
  await db.executeQuery(CompiledQuery.raw(text, rows.flatMap(Object.values)));
}

function upsertText(db: Kysely<Schema>, rows: readonly RunRow[]): string {
  const query = db
    .insertInto("runs")
    .values([...rows])
    .onConflict((conflict) =>
      conflict
        .column("id")
        .doUpdateSet((eb) => ({
          status: eb.ref("excluded.status"),
          ended_at: eb.ref("excluded.ended_at"),
          own_capsule_id: eb.ref("excluded.own_capsule_id"),
          facts_json: eb.ref("excluded.facts_json"),
          output_kind: eb.ref("excluded.output_kind"),
          output_bytes: eb.ref("excluded.output_bytes"),
          output_packed: eb.ref("excluded.output_packed"),
        }))
        .where("runs.ended_at", "is", null),
    );
  return query.compile().sql;
}

/** Runs in SQL. */
export function createRunStore(database: Database): RunStore & RunUpkeep {
  return { ...runWrites(database), ...runReads(database), ...createRunUpkeep(database) };
}

function runWrites(database: Database): Pick<RunStore, "insert" | "save"> {
  const made: Upserts = new Map();
  return {
    async insert(runs) {
      return database.transact(async (db) => {
        const holders = new Map<string, RunRecord>();
        for (const { run, input, notification } of runs) {
          const { numInsertedOrUpdatedRows } = await db
            .insertInto("runs")
            .values(toRunRow(run, null))
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst();
          if (numInsertedOrUpdatedRows !== 1n) {
            holders.set(run.id, await holderOf(db, run));
            continue;
          }
          if (input !== null) await db.insertInto("run_inputs").values({ run_id: run.id, sealed: input.sealed }).execute();
          if (notification !== undefined && notification !== null) await insertNotifications(db, [notification]);
        }
        return holders;
      });
    },

    // In the order of the ids, so that two servers lock rows in one order.
    async save(runs) {
      const rows = runs.map(({ run, output }) => toRunRow(run, output)).toSorted((left, right) => (left.id < right.id ? -1 : 1));
      const over = runs.filter(({ run }) => run.endedAt !== null && mayHaveInput(run)).map(({ run }) => run.id);
      const drafts = runs.flatMap(({ notification }) => (notification === undefined || notification === null ? [] : [notification]));
      await database.transact(async (db) => {
        for (const piece of pieces(rows)) await upsert(db, made, piece);
        for (let start = 0; start < over.length; start += BATCH_MAX)
          await db
            .deleteFrom("run_inputs")
            .where("run_id", "in", over.slice(start, start + BATCH_MAX))
            .execute();
        await insertNotifications(db, drafts);
      });
    },
  };
}

function runReads(database: Database): Omit<RunStore, "insert" | "save" | "removeOld"> {
  return {
    async find(id) {
      if (id.includes("\0")) return undefined;
      const row = await database.run((db) => db.selectFrom("runs").select(RUN_HEAD).where("id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : toRun(row);
    },

    async findByDedupe(endpointId, dedupe) {
      const row = await database.run((db) =>
        db
          .selectFrom("runs")
          .select(RUN_HEAD)
          .where("endpoint_id", "=", endpointId)
          .where("dedupe", "=", storableDedupe(dedupe))
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : toRun(row);
    },

    async output(id) {
      const row = await database.run((db) =>
        db.selectFrom("runs").select(["host_id", "output_kind", "output_bytes", "output_packed"]).where("id", "=", id).executeTakeFirst(),
      );
      return row === undefined ? { kind: "none" } : toOutput(row);
    },

    async input(id) {
      const row = await database.run((db) => db.selectFrom("run_inputs").select("sealed").where("run_id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : { sealed: row.sealed };
    },

    async list(teamId, filter) {
      const after = filter.cursor === null ? null : parseCursor(filter.cursor);
      if (filter.endpoint?.includes("\0") === true) return { items: [], nextCursor: null };
      const rows = await database.run((db) => {
        let query = db
          .selectFrom("runs")
          .select(RUN_HEAD)
          .where("team_id", "=", teamId)
          .orderBy("created_at", "desc")
          .orderBy("id", "desc")
          .limit(filter.limit + 1);
        if (filter.endpoint !== null) query = query.where("endpoint_name", "=", filter.endpoint);
        if (filter.status !== null) query = query.where("status", "=", filter.status);
        if (filter.source !== null) query = query.where("source", "=", filter.source);
        if (after !== null) query = query.where((eb) => eb(eb.refTuple("created_at", "id"), "<", eb.tuple(after.createdAt, after.id)));
        return query.execute();
      });
      const items = rows.slice(0, filter.limit).map(toRun);
      const last = items.at(-1);
      return { items, nextCursor: rows.length > filter.limit && last !== undefined ? renderCursor(last) : null };
    },

    async listOpen(hostId) {
      const rows = await database.run((db) =>
        db
          .selectFrom("runs")
          .select(RUN_HEAD)
          .where("host_id", "=", hostId)
          .where("ended_at", "is", null)
          .orderBy("created_at")
          .orderBy("id")
          .limit(OPEN_MAX)
          .execute(),
      );
      return rows.map(toRun);
    },

    async latestEnded(endpointId) {
      const row = await database.run((db) =>
        db
          .selectFrom("runs")
          .select(RUN_HEAD)
          .where("endpoint_id", "=", endpointId)
          .where("ended_at", "is not", null)
          .orderBy("created_at", "desc")
          .orderBy("id", "desc")
          .limit(1)
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : toRun(row);
    },
  };
}

function renderCursor(last: RunRecord): string {
  return `${last.createdAt.toString(36)}.${last.id}`;
}

function parseCursor(cursor: string): { readonly createdAt: number; readonly id: string } {
  const [, time, id] = /^([0-9a-z]{1,11})\.(run-[0-9a-z]{25})$/.exec(cursor) ?? [];
  if (time === undefined || id === undefined) throw invalid("cursor", "must be a next_cursor of this list");
  return { createdAt: Number.parseInt(time, 36), id };
}
