import type { Migration } from "../migrate.ts";
import { first } from "./0001_first.ts";
import { events } from "./0002_events.ts";
import { endpoints } from "./0003_endpoints.ts";
import { network } from "./0004_network.ts";
import { runLists } from "./0005_run_lists.ts";
import { templates } from "./0006_templates.ts";
import { ports } from "./0007_ports.ts";
import { builds } from "./0008_builds.ts";
import { layersOfHosts } from "./0009_layers_of_hosts.ts";
import { noLeases } from "./0010_no_leases.ts";
import { usage } from "./0011_usage.ts";

/** Every migration, in the order in which they are applied. */
export const migrations: readonly Migration[] = [
  first,
  events,
  endpoints,
  network,
  runLists,
  templates,
  ports,
  builds,
  layersOfHosts,
  noLeases,
  usage,
];
