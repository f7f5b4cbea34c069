import type { Kysely } from "kysely";
import { z } from "zod";
import { TEMPLATE_KINDS, TEMPLATE_STATES } from "../core/template/record.ts";
import type { TemplateRecord } from "../core/template/record.ts";
import type { TemplateRows } from "../core/template/store.ts";
import { TemplateQuotaError } from "../core/template/store.ts";
import type { Database } from "./database.ts";
import type { Schema, TemplateRow } from "./schema.ts";
import { lockTeam, templateUse } from "./template-use.ts";

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

const recordOf = (row: TemplateRow | undefined): TemplateRecord | undefined => (row === undefined ? undefined : toRecord(row));

/** Teams' templates in SQL. */
export function createTemplateRows(database: Database): TemplateRows {
  const all = (db: Kysely<Schema>) => db.selectFrom("templates").selectAll();
  const visible = (db: Kysely<Schema>, teamId: string) =>
    all(db).where("team_id", "=", teamId).where("kind", "=", "snapshot").where("state", "=", "ready");
  return {
    async insert(record, mayReplace, quota) {
      const row = toRow(record, mayReplace ? null : record.name);
      const insert = async (db: Kysely<Schema>): Promise<boolean> => {
        const inserted = await db
          .insertInto("templates")
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        return inserted.numInsertedOrUpdatedRows === 1n;
      };
      if (quota === undefined) return database.run(insert);
      return database.transact(async (db) => {
        await lockTeam(database, db, record.teamId);
        // What it is to replace makes room for it; of two at once under one name, the second finds the first one being made.
        const named = visible(db, record.teamId).where("held_name", "=", record.name);
        const replaced = mayReplace && record.name !== null ? await named.executeTakeFirst() : undefined;
        const use = await templateUse(db, record.teamId, replaced === undefined ? [] : [replaced.id]);
        if ((quota.countMax > 0 && use.count >= quota.countMax) || (quota.bytesMax > 0 && use.bytes >= quota.bytesMax))
          throw new TemplateQuotaError(use);
        return insert(db);
      });
    },

    find: async (id) => recordOf(await database.run((db) => all(db).where("id", "=", id).executeTakeFirst())),

    async findNamed(teamId, name) {
      if (name.includes("\0")) return undefined;
      return recordOf(await database.run((db) => visible(db, teamId).where("held_name", "=", name).executeTakeFirst()));
    },

    async list(teamId) {
      const rows = await database.run((db) => visible(db, teamId).orderBy("created_at", "desc").orderBy("id", "desc").execute());
      return rows.map(toRecord);
    },

    use: (teamId) => database.run((db) => templateUse(db, teamId, [])),

    // The name passes from one row to the other at once: there is no moment without it, and none with two.
    finish: (id, sizeBytes, sealedSettings, quota) =>
      database.transact(async (db) => {
        const row = await all(db).where("id", "=", id).where("state", "=", "making").executeTakeFirst();
        if (row === undefined) return false;
        if (quota !== undefined && quota.bytesMax > 0) {
          await lockTeam(database, db, row.team_id);
          const replaced = await visible(db, row.team_id).where("held_name", "=", row.name).executeTakeFirst();
          const use = await templateUse(db, row.team_id, [id, ...(replaced === undefined ? [] : [replaced.id])]);
          if (use.bytes + sizeBytes > quota.bytesMax) throw new TemplateQuotaError(use);
        }
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

    async findLayer(teamId, hostId, key) {
      const row = await database.run((db) =>
        all(db)
          .where("team_id", "=", teamId)
          .where("host_id", "=", hostId)
          .where("layer_key", "=", key)
          .where("state", "=", "ready")
          .executeTakeFirst(),
      );
      return recordOf(row);
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
