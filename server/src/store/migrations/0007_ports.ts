import type { Migration } from "../migrate.ts";

/** Which ports of a capsule are public, and whether a request to one wakes it. */
export const ports: Migration = {
  name: "0007_ports",
  statements: ({ textType: text }) => [
    `alter table capsules add column public_ports_json ${text} not null default '[]'`,
    "alter table capsules add column auto_resume integer not null default 0",
  ],
};
