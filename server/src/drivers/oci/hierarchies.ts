import type { MountEntry } from "./mountinfo.ts";

const WANTED = ["memory", "cpu", "cpuacct", "pids"] as const;

/** The host's cgroup mounts. */
export interface Hierarchies {
  /** Where cgroup2 is mounted: freeze, kill and the process slots work here on every host. */
  readonly unified: string;
  /** Controllers that cgroup2 has: none on a hybrid host. */
  readonly controllers: readonly string[];
  /** Mount points of all cgroup v1 hierarchies. */
  readonly v1: readonly string[];
  /** Where each controller that limits capsules is, on cgroup v1. */
  readonly v1Of: ReadonlyMap<string, string>;
  /** Where cgroup v1 says which devices may be opened; `null` where it does not. */
  readonly devices: string | null;
}

/** `unified` is `null` when cgroup2 is mounted nowhere. */
export function findHierarchies(
  mounts: readonly MountEntry[],
): Omit<Hierarchies, "controllers" | "unified"> & { readonly unified: string | null } {
  let unified: string | null = null;
  const v1: string[] = [];
  const v1Of = new Map<string, string>();
  let devices: string | null = null;
  for (const mount of mounts) {
    if (mount.root !== "/") continue;
    if (mount.type === "cgroup2") unified ??= mount.mountPoint;
    if (mount.type !== "cgroup") continue;
    if (mount.superOptions.includes("devices")) devices ??= mount.mountPoint;
    const named = mount.superOptions.filter((option) => (WANTED as readonly string[]).includes(option));
    // The same hierarchy may be mounted twice; one way to it is enough.
    if (named.length > 0 && named.every((controller) => v1Of.has(controller))) continue;
    v1.push(mount.mountPoint);
    for (const controller of named) v1Of.set(controller, mount.mountPoint);
  }
  return { unified, v1, v1Of, devices };
}

/** The controllers that limit capsules and that neither cgroup2 nor cgroup v1 has. */
export function missingControllers(found: Pick<Hierarchies, "controllers" | "v1Of">): string[] {
  return ["memory", "cpu", "pids"].filter((name) => !found.v1Of.has(name) && !found.controllers.includes(name));
}

/** Hierarchies of cgroup v1 in which `work` has a group of its own: what the agent's children join. */
export function workHierarchies(hierarchies: Hierarchies): string[] {
  return [...new Set(hierarchies.v1Of.values())];
}

/** Controllers that cgroup2 hands down to a capsule. */
export function handedDown(hierarchies: Hierarchies): string[] {
  return ["memory", "cpu", "pids"].filter((name) => !hierarchies.v1Of.has(name) && hierarchies.controllers.includes(name));
}
