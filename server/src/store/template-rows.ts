import type { Kysely } from "kysely";
import { z } from "zod";
import { TEMPLATE_KINDS, TEMPLATE_STATES } from "../core/template/record.ts";
import type { TemplateRecord } from "../core/template/record.ts";
import type { TemplateRows } from "../core/template/store.ts";
import type { Database } from "./database.ts";
import type { Schema, TemplateRow } from "./schema.ts";

const state = z.enum(TEMPLATE_STATES);
const kind = z.enum(TEMPLATE_KINDS);

function toRecord(row: TemplateRow): TemplateRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    hostId: row.host_id,
    kind: kind.parse(row.kind),
    name: row.name,
    state: state.parse(row.state),
    vcpus: row.vcpus,
    memoryMb: row.memory_mb,
    diskMb: row.disk_mb,
    sizeBytes: row.size_bytes,
    capsuleId: row.capsule_id,
    createdAt: row.created_at,
    sealedSettings: row.sealed_settings,
    layerKey: row.layer_key,
    usedAt: row.used_at,
  };
}

function toRow(record: TemplateRecord, heldName: string | null): TemplateRow {
  return {
    id: record.id,
    team_id: record.teamId,
    host_id: record.hostId,
    kind: record.kind,
    name: record.name,
    held_name: heldName,
    state: record.state,
    vcpus: record.vcpus,
    memory_mb: record.memoryMb,
    disk_mb: record.diskMb,
    size_bytes: record.sizeBytes,
    capsule_id: record.capsuleId,
    created_at: record.createdAt,
    sealed_settings: record.sealedSettings,
    layer_key: record.layerKey,
    used_at: record.usedAt,
  };
}

/** Teams' templates in SQL. */
export function createTemplateRows(database: Database): TemplateRows {
  const all = (db: Kysely<Schema>) => db.selectFrom("templates").selectAll();
  const visible = (db: Kysely<Schema>, teamId: string) =>
    all(db).where("team_id", "=", teamId).where("kind", "=", "snapshot").where("state", "=", "ready");
  return {
    async insert(record, mayReplace) {
      const row = toRow(record, mayReplace ? null : record.name);
      const inserted = await database.run((db) =>
        db
          .insertInto("templates")
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst(),
      );
      return inserted.numInsertedOrUpdatedRows === 1n;
    },

    async find(id) {
      const row = await database.run((db) => all(db).where("id", "=", id).executeTakeFirst());
      return row === undefined ? undefined : toRecord(row);
    },

    async findNamed(teamId, name) {
      if (name.includes("\0")) return undefined;
      const row = await database.run((db) => visible(db, teamId).where("held_name", "=", name).executeTakeFirst());
      return row === undefined ? undefined : toRecord(row);
    },

    async list(teamId) {
      const rows = await database.run((db) => visible(db, teamId).orderBy("created_at", "desc").orderBy("id", "desc").execute());
      return rows.map(toRecord);
    },

    async use(teamId) {
      const row = await database.run((db) =>
        db
          .selectFrom("templates")
          .select(({ fn }) => [fn.countAll<number>().as("count"), fn.sum<number | string | null>("size_bytes").as("bytes")])
          .where("team_id", "=", teamId)
          .where("kind", "=", "snapshot")
          .where("state", "in", ["making", "ready"])
          .executeTakeFirstOrThrow(),
      );
      return { count: Number(row.count), bytes: Number(row.bytes ?? 0) };
    },

    // The name passes from one row to the other at once: there is no moment without it, and none with two.
    finish: (id, sizeBytes, sealedSettings) =>
      database.transact(async (db) => {
        const row = await all(db).where("id", "=", id).where("state", "=", "making").executeTakeFirst();
        if (row === undefined) return false;
        if (row.name !== null) {
          // Two that finish at once under one name go one after the other.
          const same = all(db).where("team_id", "=", row.team_id).where("name", "=", row.name).orderBy("id");
          if (database.engine.rowLocks) await same.forUpdate().execute();
          await db
            .updateTable("templates")
            .set({ state: "removing", held_name: null })
            .where("team_id", "=", row.team_id)
            .where("held_name", "=", row.name)
            .where("id", "<>", id)
            .execute();
        }
        const done = await db
          .updateTable("templates")
          .set({
            state: "ready",
            held_name: row.name,
            size_bytes: sizeBytes,
            ...(sealedSettings !== undefined && { sealed_settings: sealedSettings }),
          })
          .where("id", "=", id)
          .where("state", "=", "making")
          .executeTakeFirst();
        return done.numUpdatedRows === 1n;
      }),

    async beginRemoval(id) {
      await database.run((db) =>
        db.updateTable("templates").set({ state: "removing", held_name: null, layer_key: null }).where("id", "=", id).executeTakeFirst(),
      );
    },

    async findLayer(teamId, key) {
      const row = await database.run((db) =>
        all(db).where("team_id", "=", teamId).where("layer_key", "=", key).where("state", "=", "ready").executeTakeFirst(),
      );
      return row === undefined ? undefined : toRecord(row);
    },

    async touchLayer(id, at) {
      await database.run((db) =>
        db.updateTable("templates").set({ used_at: at }).where("id", "=", id).where("used_at", "<", at).executeTakeFirst(),
      );
    },

    async remove(id) {
      await database.run((db) => db.deleteFrom("templates").where("id", "=", id).executeTakeFirst());
    },

    async listOnHost(hostId, which) {
      const rows = await database.run((db) => {
        const query = all(db).where("host_id", "=", hostId);
        return ("state" in which ? query.where("state", "=", which.state) : query.where("kind", "=", which.kind)).execute();
      });
      return rows.map(toRecord);
    },

    async idsOnHost(hostId) {
      const rows = await database.run((db) => db.selectFrom("templates").select("id").where("host_id", "=", hostId).execute());
      return new Set(rows.map(({ id }) => id));
    },

    async isAwaited(id) {
      const row = await database.run((db) =>
        db
          .selectFrom("capsules")
          .select("id")
          .where("snapshot_id", "=", id)
          .where("state", "in", ["pending", "starting"])
          .where("has_disk", "=", 0)
          .executeTakeFirst(),
      );
      return row !== undefined;
    },
  };
}
