import type { Migration } from "../migrate.ts";

/** Endpoints, their runs with what these printed, and word of their ends that is on its way. */
export const endpoints: Migration = {
  name: "0003_endpoints",
  statements: ({ textType: text, bytesType: bytes }) => [
    `create table endpoints (
      id ${text} primary key,
      team_id ${text} not null references teams (id),
      name ${text} not null,
      definition_json ${text} not null,
      env_names_json ${text} not null,
      sealed ${text},
      has_secret integer not null,
      version bigint not null,
      schedule_paused integer not null,
      next_run_at bigint,
      created_at bigint not null,
      updated_at bigint not null
    )`,
    `create unique index endpoints_by_name on endpoints (team_id, name)`,
    `create index endpoints_due on endpoints (next_run_at) where next_run_at is not null`,

    // A run outlives its endpoint. Few columns, since calls write many rows: what nobody searches by is in one text. The output is last,
    // so that reading a list reads none of it.
    `create table runs (
      id ${text} primary key,
      team_id ${text} not null references teams (id),
      endpoint_id ${text} not null,
      endpoint_name ${text} not null,
      host_id ${text} not null,
      status ${text} not null,
      source ${text} not null,
      dedupe ${text},
      created_at bigint not null,
      ended_at bigint,
      own_capsule_id ${text},
      facts_json ${text} not null,
      output_kind ${text} not null,
      output_bytes bigint not null,
      output_packed ${bytes}
    )`,
    `create index runs_by_team on runs (team_id, created_at, id)`,
    `create index runs_by_endpoint on runs (endpoint_id, created_at, id)`,
    `create unique index runs_by_dedupe on runs (endpoint_id, dedupe) where dedupe is not null`,
    `create index runs_open on runs (host_id, created_at, id) where ended_at is null`,
    `create index runs_open_by_endpoint on runs (endpoint_id, source) where ended_at is null`,
    `create index runs_by_own_capsule on runs (own_capsule_id) where own_capsule_id is not null`,

    `create table run_inputs (
      run_id ${text} primary key references runs (id) on delete cascade,
      sealed ${text} not null
    )`,

    `create table notifications (
      run_id ${text} primary key references runs (id) on delete cascade,
      team_id ${text} not null references teams (id),
      endpoint_id ${text} not null,
      url ${text} not null,
      status ${text} not null,
      attempts integer not null,
      next_attempt_at bigint,
      last_status integer,
      last_error ${text},
      claimed_until bigint,
      created_at bigint not null
    )`,
    `create index notifications_due on notifications (next_attempt_at) where status = 'pending'`,
  ],
};
