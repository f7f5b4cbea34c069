import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostTraces } from "./host.ts";

/**
 * Lets a run begin with an empty database, whatever version wrote the last one, and keeps the built template.
 * Not while capsules of a broken run are left: only their database's server can destroy them.
 */
export function freshDatabase(dataDir: string): void {
  if (!existsSync(join(dataDir, "installation.json"))) return;
  const { processes, runEntries, disks } = hostTraces(dataDir);
  if (processes.length > 0 || runEntries.length > 0 || disks.length > 0) return;
  for (const name of readdirSync(dataDir)) {
    if (name.startsWith("capsuled.db") || name === "admin-key") rmSync(join(dataDir, name));
    // Outputs of runs that the new database knows nothing of; a server takes some time to be sure of that.
    if (name === "runs") rmSync(join(dataDir, name), { recursive: true });
  }
}
