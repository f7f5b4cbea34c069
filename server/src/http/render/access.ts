import type { apiKey, apiKeyCreated, team } from "@capsuled/contract";
import type { z } from "zod";
import type { NewKey } from "../../core/access/service.ts";
import type { KeyRecord, TeamRecord } from "../../core/access/store.ts";
import { timestamp, timestampOrNull } from "./time.ts";

export function renderKey(record: KeyRecord): z.output<typeof apiKey> {
  return {
    id: record.id,
    team_id: record.teamId,
    name: record.name,
    role: record.role,
    key_prefix: record.prefix,
    created_at: timestamp(record.createdAt),
    last_used: timestampOrNull(record.lastUsedAt),
  };
}

/** With the key's own text, which no other answer holds. */
export function renderNewKey(key: NewKey): z.output<typeof apiKeyCreated> {
  return { ...renderKey(key.record), key: key.text };
}

export function renderTeam(record: TeamRecord): z.output<typeof team> {
  return { id: record.id, name: record.name, slug: record.slug, created_at: timestamp(record.createdAt) };
}
