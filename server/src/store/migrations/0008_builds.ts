import type { Migration } from "../migrate.ts";

/** Builds of templates with their logs, the layers that their steps leave, and what templates say about processes. */
export const builds: Migration = {
  name: "0008_builds",
  statements: ({ textType: text }) => [
    `alter table templates add column sealed_settings ${text}`,
    `alter table templates add column layer_key ${text}`,
    "alter table templates add column used_at bigint not null default 0",
    "create unique index templates_by_layer on templates (team_id, layer_key) where layer_key is not null",
    `alter table capsules add column sealed_settings ${text}`,
    `create table template_builds (
      id ${text} primary key,
      team_id ${text} not null references teams (id),
      host_id ${text} not null,
      template_id ${text} not null,
      name ${text} not null,
      state ${text} not null,
      step integer,
      steps integer not null,
      cached_steps integer not null,
      reason ${text},
      message ${text},
      failure_json ${text},
      capsule_id ${text} not null,
      created_at bigint not null,
      started_at bigint,
      ended_at bigint
    )`,
    "create index template_builds_by_team on template_builds (team_id, created_at, id)",
    "create index template_builds_by_host on template_builds (host_id, state)",
    `create table template_build_log (
      build_id ${text} not null references template_builds (id),
      seq integer not null,
      entry_json ${text} not null,
      primary key (build_id, seq)
    )`,
  ],
};
