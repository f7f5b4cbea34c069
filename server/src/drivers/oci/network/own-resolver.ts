import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Egress } from "../../../core/ports/driver.ts";
import { isMissing } from "../../../lib/node/missing.ts";
import type { NetworkPrograms } from "./inside.ts";
import { ownConfig, startOwn } from "./resolver.ts";
import { domainsOf } from "./ruleset.ts";
import type { Subnet } from "./subnet.ts";

/** A capsule as its own resolver sees it. */
export interface ResolverPlace {
  /** The capsule's directory on the host. */
  readonly dir: string;
  /** Its cgroup2 directory; the resolver is in a group beside the agent's, so that it ends when the capsule is removed. */
  readonly group: string;
}

const groupOf = ({ group }: ResolverPlace): string => join(group, "resolver");

/** Whether the capsule has the resolver that its policy needs. */
export function ownResolverLives(place: ResolverPlace, egress: Egress): boolean {
  return domainsOf(egress).length === 0 || inGroup(place, (group) => readFileSync(join(group, "cgroup.procs"), "utf8") !== "", false);
}

/** What becomes a resolver is in this group before it is one, so nobody looks through all processes of the host for it. */
function inGroup<T>(place: ResolverPlace, act: (group: string) => T, otherwise: T): T {
  try {
    return act(groupOf(place));
  } catch (error) {
    if (isMissing(error)) return otherwise;
    throw error;
  }
}

/** Puts the resolver of this policy in the place of the one before, and waits until it listens. */
export async function replaceOwnResolver(
  place: ResolverPlace,
  egress: Egress,
  programs: NetworkPrograms,
  namespace: number,
  subnet: Subnet,
): Promise<void> {
  inGroup(place, (group) => writeFileSync(join(group, "cgroup.kill"), "1"), undefined);
  if (domainsOf(egress).length === 0) return;
  const group = groupOf(place);
  mkdirSync(group, { recursive: true });
  await startOwn(join(place.dir, "resolver.conf"), ownConfig(egress, subnet), programs, namespace, group);
}
