import type { Migration } from "../migrate.ts";

/** Teams' templates, and which of them a capsule's disk began with. */
export const templates: Migration = {
  name: "0006_templates",
  statements: ({ textType: text }) => [
    `create table templates (
      id ${text} primary key,
      team_id ${text} not null references teams (id),
      host_id ${text} not null,
      kind ${text} not null,
      name ${text},
      held_name ${text},
      state ${text} not null,
      vcpus integer not null,
      memory_mb integer not null,
      disk_mb integer not null,
      size_bytes bigint not null,
      capsule_id ${text} not null,
      created_at bigint not null
    )`,
    `create unique index templates_by_name on templates (team_id, held_name) where held_name is not null`,
    `create index templates_by_team on templates (team_id, created_at, id)`,
    `create index templates_by_host on templates (host_id, state)`,
    `alter table capsules add column snapshot_id ${text}`,
    `create index capsules_by_snapshot on capsules (snapshot_id) where snapshot_id is not null`,
  ],
};
