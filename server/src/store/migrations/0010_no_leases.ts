import type { Migration } from "../migrate.ts";

/** No code asks for leases: what two servers must not both do is taken by a compare-and-set of its own row. */
export const noLeases: Migration = {
  name: "0010_no_leases",
  statements: () => ["drop table leases"],
};
