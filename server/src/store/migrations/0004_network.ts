import type { Migration } from "../migrate.ts";

/** Where a capsule may connect to. Those from before have loopback only. */
export const network: Migration = {
  name: "0004_network",
  statements: ({ textType: text }) => [`alter table capsules add column network_json ${text} not null default '{"egress":"none"}'`],
};
