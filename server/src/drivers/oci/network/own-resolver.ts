import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Egress } from "../../../core/ports/driver.ts";
import { endResolvers, ownConfig, resolversOf, startOwn } from "./resolver.ts";
import { domainsOf } from "./ruleset.ts";
import type { Subnet } from "./subnet.ts";

/** A capsule as its own resolver sees it. */
export interface ResolverPlace {
  /** The capsule's directory on the host. */
  readonly dir: string;
  /** Its cgroup2 directory; the resolver is in a group beside the agent's, so that it ends when the capsule is removed. */
  readonly group: string;
}

const configOf = ({ dir }: ResolverPlace): string => join(dir, "resolver.conf");

/** Whether the capsule has the resolver that its policy needs. */
export function ownResolverLives(place: ResolverPlace, egress: Egress): boolean {
  return domainsOf(egress).length === 0 || resolversOf(configOf(place)).length > 0;
}

/** Puts the resolver of this policy in the place of the one before, and waits until it listens. */
export async function replaceOwnResolver(place: ResolverPlace, egress: Egress, namespace: number, subnet: Subnet): Promise<void> {
  const config = configOf(place);
  endResolvers(config);
  if (domainsOf(egress).length === 0) return;
  const group = join(place.group, "resolver");
  mkdirSync(group, { recursive: true });
  await startOwn(config, ownConfig(egress, subnet), namespace, group);
}
