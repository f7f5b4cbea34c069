import { rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../lib/node/file.ts";

/** The file that holds the first team's admin key. */
export function adminKeyPath(dataDir: string): string {
  return join(dataDir, "admin-key");
}

/** Writes the key, readable by the owner only, for `AccessService.ensureFirstTeam` before it stores the team. */
export async function writeAdminKey(dataDir: string, keyText: string): Promise<void> {
  await replaceFile(adminKeyPath(dataDir), `${keyText}\n`, 0o600);
}

/** Takes back a key that did not become the first team's, since another server was first. */
export async function removeAdminKey(dataDir: string): Promise<void> {
  await rm(adminKeyPath(dataDir), { force: true });
}
