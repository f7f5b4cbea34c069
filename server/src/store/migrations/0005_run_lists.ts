import type { Migration } from "../migrate.ts";

/** Lists of runs are filtered, and what a team's outputs take is summed, within an index: no row is read for it. */
export const runLists: Migration = {
  name: "0005_run_lists",
  statements: () => [
    `create index runs_by_endpoint_name on runs (team_id, endpoint_name, created_at, id)`,
    `update runs set output_bytes = length(output_packed) where output_packed is not null`,
    `create index runs_of_team on runs (team_id, created_at, id, status, source, output_bytes)`,
    `drop index runs_by_team`,
  ],
};
