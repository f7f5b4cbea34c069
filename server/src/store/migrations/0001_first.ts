import type { Migration } from "../migrate.ts";

/** Teams and keys, capsules, and leases of the loops. */
export const first: Migration = {
  name: "0001_first",
  statements: ({ textType: text }) => [
    `create table teams (
      id ${text} primary key,
      name ${text} not null,
      slug ${text} not null unique,
      is_first integer not null,
      created_at bigint not null
    )`,
    // There is one first team, whichever of several starting servers makes it.
    `create unique index teams_first on teams (is_first) where is_first = 1`,
    `create index teams_by_age on teams (created_at, id)`,

    `create table api_keys (
      id ${text} primary key,
      team_id ${text} not null references teams (id),
      name ${text} not null,
      role ${text} not null,
      hash ${text} not null unique,
      prefix ${text} not null,
      created_at bigint not null,
      last_used_at bigint
    )`,
    `create index api_keys_by_team on api_keys (team_id, created_at, id)`,

    `create table capsules (
      id ${text} primary key,
      team_id ${text} not null references teams (id),
      host_id ${text} not null,
      driver ${text} not null,
      handle_json ${text},
      state ${text} not null,
      version bigint not null,
      template ${text} not null,
      vcpus integer not null,
      memory_mb integer not null,
      disk_mb integer not null,
      timeout_sec integer not null,
      name ${text},
      metadata_json ${text} not null,
      env_names_json ${text} not null,
      sealed_envs ${text},
      sealed_secret ${text} not null,
      has_disk integer not null,
      reason ${text},
      message ${text},
      created_at bigint not null,
      started_at bigint,
      last_active_at bigint,
      state_changed_at bigint not null,
      ended_at bigint
    )`,
    // A team's list, newest first: with the destroyed ones (which pile up until their retention ends), and without.
    `create index capsules_by_team on capsules (team_id, created_at, id)`,
    `create index capsules_by_team_kept on capsules (team_id, created_at, id) where state <> 'destroyed'`,
    // A team's list of one state, and how many there are.
    `create index capsules_by_team_state on capsules (team_id, state, created_at, id)`,
    // What a host's loops look through.
    `create index capsules_by_host_state on capsules (host_id, state, state_changed_at)`,
    `create index capsules_destroyed on capsules (state_changed_at) where state = 'destroyed'`,

    `create table capsule_metadata (
      capsule_id ${text} not null references capsules (id) on delete cascade,
      key ${text} not null,
      value ${text} not null,
      primary key (capsule_id, key)
    )`,

    `create table leases (
      name ${text} primary key,
      holder ${text} not null,
      expires_at bigint not null
    )`,
  ],
};
