import type { Migration } from "../migrate.ts";

/** Events, the processes of capsules with their ends, answers kept for repeats, and names unique in a team. */
export const events: Migration = {
  name: "0002_events",
  statements: ({ textType: text }) => [
    // One row that is updated last in a transaction: who holds it is the only one that gives event ids, so ids and commits are in one order.
    `create table counters (name ${text} primary key, value bigint not null)`,
    `insert into counters (name, value) values ('events', 0)`,

    `create table events (
      id bigint primary key,
      team_id ${text} not null references teams (id),
      at bigint not null,
      type ${text} not null,
      capsule_id ${text} not null,
      process_id ${text},
      actor_type ${text} not null,
      actor_id ${text} not null,
      data_json ${text} not null
    )`,
    `create index events_by_team on events (team_id, id)`,
    `create index events_by_team_type on events (team_id, type, id)`,
    `create index events_by_capsule on events (team_id, capsule_id, id)`,
    // Up to where a team's events were removed, so that a reader who comes late is told of the gap.
    `create table event_horizons (team_id ${text} primary key references teams (id), removed_to bigint not null)`,

    `alter table capsules add column requested_by_type ${text}`,
    `alter table capsules add column requested_by_id ${text}`,
    `alter table capsules add column evidence_json ${text}`,
    `alter table capsules add column log_cursor bigint not null default 1`,

    // The name that the capsule holds in its team; null once it is destroyed. A null is unlike every other.
    `alter table capsules add column held_name ${text}`,
    // Capsules that share a name from before keep it to be shown; the oldest one holds it.
    `update capsules set held_name = name where id in (
      select id from (
        select id, row_number() over (partition by team_id, name order by created_at, id) as place
        from capsules where name is not null and state <> 'destroying' and state <> 'destroyed'
      ) as ranked where place = 1
    )`,
    `create unique index capsules_by_held_name on capsules (team_id, held_name)`,

    // A process id is the agent's word, so it is only unique within its capsule.
    `create table processes (
      capsule_id ${text} not null references capsules (id) on delete cascade,
      id ${text} not null,
      team_id ${text} not null,
      pid bigint not null,
      tag ${text} not null,
      cmd ${text} not null,
      args_json ${text} not null,
      started_at bigint not null,
      ended_at bigint,
      end_json ${text},
      primary key (capsule_id, id)
    )`,
    `create index processes_open on processes (capsule_id) where ended_at is null`,
    `create index processes_by_tag on processes (capsule_id, tag, started_at)`,
    `create index processes_by_pid on processes (capsule_id, pid, started_at)`,
    `create index processes_ended on processes (team_id, ended_at) where ended_at is not null`,

    `create table idempotency_keys (
      team_id ${text} not null references teams (id),
      key_hash ${text} not null,
      request ${text} not null,
      body_hash ${text} not null,
      sealed_seed ${text} not null,
      holder ${text} not null,
      lease_until bigint not null,
      sealed_answer ${text},
      created_at bigint not null,
      finished_at bigint,
      primary key (team_id, key_hash)
    )`,
    `create index idempotency_keys_by_age on idempotency_keys (team_id, created_at)`,
  ],
};
