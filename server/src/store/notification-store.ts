import { z } from "zod";
import type { NotificationRecord } from "../core/notification/record.ts";
import { NOTIFICATION_STATUSES } from "../core/notification/record.ts";
import type { NotificationStore } from "../core/notification/store.ts";
import { withoutNul } from "./capsule-row.ts";
import type { Database } from "./database.ts";
import type { NotificationRow } from "./schema.ts";

const status = z.enum(NOTIFICATION_STATUSES);
/** Ids of one question. */
const FIND_MAX = 500;

function toRecord(row: NotificationRow): NotificationRecord {
  return {
    runId: row.run_id,
    teamId: row.team_id,
    endpointId: row.endpoint_id,
    url: row.url,
    status: status.parse(row.status),
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    lastStatus: row.last_status,
    lastError: row.last_error,
    claimedUntil: row.claimed_until,
    createdAt: row.created_at,
  };
}

/** Notifications in SQL; the runs' store makes them. */
export function createNotificationStore(database: Database): NotificationStore {
  return {
    async find(runIds) {
      const found = new Map<string, NotificationRecord>();
      for (let start = 0; start < runIds.length; start += FIND_MAX) {
        const ids = runIds.slice(start, start + FIND_MAX);
        const rows = await database.run((db) => db.selectFrom("notifications").selectAll().where("run_id", "in", ids).execute());
        for (const row of rows) found.set(row.run_id, toRecord(row));
      }
      return found;
    },

    async listDue(now, limit, { endpointIds, teamIds }) {
      const rows = await database.run((db) => {
        let query = db
          .selectFrom("notifications")
          .selectAll()
          .where("status", "=", "pending")
          .where("next_attempt_at", "<=", now)
          .where((eb) => eb.or([eb("claimed_until", "is", null), eb("claimed_until", "<=", now)]))
          .orderBy("next_attempt_at")
          .limit(limit);
        if (endpointIds.length > 0) query = query.where("endpoint_id", "not in", endpointIds);
        if (teamIds.length > 0) query = query.where("team_id", "not in", teamIds);
        return query.execute();
      });
      return rows.map(toRecord);
    },

    // The attempts are part of what was seen: of two that saw the same one wins, also when a claim of the same length ran out between.
    async claim(seen, now, until) {
      const { numUpdatedRows } = await database.run((db) =>
        db
          .updateTable("notifications")
          .set({ claimed_until: until })
          .where("run_id", "=", seen.runId)
          .where("status", "=", "pending")
          .where("attempts", "=", seen.attempts)
          .where((eb) => eb.or([eb("claimed_until", "is", null), eb("claimed_until", "<=", now)]))
          .executeTakeFirst(),
      );
      return numUpdatedRows === 1n;
    },

    async settle(runId, until, { status: next, attempts, nextAttemptAt, lastStatus, lastError }) {
      const { numUpdatedRows } = await database.run((db) =>
        db
          .updateTable("notifications")
          .set({
            status: next,
            attempts,
            next_attempt_at: nextAttemptAt,
            last_status: lastStatus,
            last_error: lastError === null ? null : withoutNul(lastError),
            claimed_until: null,
          })
          .where("run_id", "=", runId)
          .where("claimed_until", "=", until)
          .executeTakeFirst(),
      );
      return numUpdatedRows === 1n;
    },

    async stop(endpointId, url, now, message) {
      const { numUpdatedRows } = await database.run((db) =>
        db
          .updateTable("notifications")
          .set({ status: "failed", next_attempt_at: null, last_error: withoutNul(message), claimed_until: null })
          .where("status", "=", "pending")
          .where("endpoint_id", "=", endpointId)
          .where("url", "=", url)
          .where((eb) => eb.or([eb("claimed_until", "is", null), eb("claimed_until", "<=", now)]))
          .executeTakeFirst(),
      );
      return Number(numUpdatedRows);
    },
  };
}
