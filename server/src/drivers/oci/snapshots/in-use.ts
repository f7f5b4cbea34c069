import { readdirSync } from "node:fs";
import { join } from "node:path";
import { TemplateMissingError } from "../../../core/ports/driver.ts";
import type { Layout } from "../layout.ts";
import type { Origin } from "../origin.ts";
import { readOrigin, readSnapshot, snapshotIdOf } from "../origin.ts";

/** What lies under every disk and every whole snapshot on this host. Nothing is awaited: what is not told is not in use. */
export function originsInUse(layout: Layout): Origin[] {
  const disks = readdirSync(layout.capsulesDir).map((id) => readOrigin(join(layout.capsulesDir, id, "template.json")));
  const ids = new Set(readdirSync(layout.snapshotsDir).map(snapshotIdOf));
  const snapshots = [...ids].map((id) => ofSnapshot(layout, id));
  return [...disks, ...snapshots].filter((origin) => origin !== null);
}

function ofSnapshot(layout: Layout, id: string | null): Origin | null {
  try {
    return id === null ? null : readSnapshot(layout, id).origin;
  } catch (error) {
    if (error instanceof TemplateMissingError) return null;
    throw error;
  }
}
