import type { Migration } from "../migrate.ts";

/** What a step left lies on one host: each host has its own of the same steps. */
export const layersOfHosts: Migration = {
  name: "0009_layers_of_hosts",
  statements: () => [
    "drop index templates_by_layer",
    "create unique index templates_by_layer on templates (team_id, host_id, layer_key) where layer_key is not null",
  ],
};
