import type { Migration } from "../migrate.ts";

/** What teams' capsules had by the day, and up to when each host has counted. */
export const usage: Migration = {
  name: "0011_usage",
  statements: ({ textType: text }) => [
    `create table usage_days (
      team_id ${text} not null references teams (id),
      day integer not null,
      capsule_ms bigint not null,
      vcpu_ms bigint not null,
      memory_mb_ms bigint not null,
      primary key (team_id, day)
    )`,
    "create index usage_days_by_day on usage_days (day)",
    `create table usage_marks (
      host_id ${text} primary key,
      counted_to bigint not null,
      counted_at bigint not null
    )`,
  ],
};
