import { readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Ids } from "../core/ports/clock.ts";
import { createFile, replaceFile } from "../lib/node/file.ts";
import { DataDirError } from "./data-dir.ts";

/** Who this installation is; the same for the life of its data directory. */
export interface Installation {
  /** 16 hex digits; names the sockets, cgroups and runtime state of this installation on its machine. */
  readonly installationId: string;
  /** `host-` and 24 hex digits; names this server in rows that several servers share. */
  readonly hostId: string;
}

const stored = z.strictObject({
  installation_id: z.string().regex(/^[0-9a-f]{16}$/),
  host_id: z.string().regex(/^host-[0-9a-f]{24}$/),
  /** Where the data directory was when it was last used. */
  data_dir: z.string(),
  /** Fingerprint of the sealing key that the database's secrets are under. */
  key_fingerprint: z.string(),
});
type Stored = z.output<typeof stored>;

const FILE = "installation.json";

async function read(path: string): Promise<Stored> {
  const text = await readFile(path, "utf8");
  try {
    return stored.parse(JSON.parse(text));
  } catch (error) {
    throw new DataDirError(`${path} cannot be understood; restore it from a backup`, { cause: error });
  }
}

/** Whether `other` still is the installation of that id, and not `here` under another path (a mount), so that `here` must be its copy. */
async function isCopied(here: string, other: string, installationId: string): Promise<boolean> {
  try {
    const [mine, theirs] = [await stat(here), await stat(other)];
    if (mine.dev === theirs.dev && mine.ino === theirs.ino) return false;
    return (await read(join(other, FILE))).installation_id === installationId;
  } catch {
    return false;
  }
}

/**
 * The installation of a data directory, made at its first use. Throws `DataDirError` when the directory is the copy of one that is
 * still there (their capsules would meet), or when its sealing key is not the one that its secrets are under.
 */
export async function openInstallation(dataDir: string, keyFingerprint: string, ids: Pick<Ids, "hex">): Promise<Installation> {
  const path = join(dataDir, FILE);
  const here = await realpath(dataDir);
  const fresh: Stored = { installation_id: ids.hex(8), host_id: `host-${ids.hex(12)}`, data_dir: here, key_fingerprint: keyFingerprint };
  const render = (content: Stored): string => `${JSON.stringify(content, null, 2)}\n`;
  await createFile(path, render(fresh), 0o600);
  const found = await read(path);
  if (found.key_fingerprint !== keyFingerprint) {
    throw new DataDirError(
      `the sealing key in ${dataDir} is not the one that this installation's secrets are under; restore secret.key from a backup`,
    );
  }
  if (found.data_dir !== here) {
    if (await isCopied(here, found.data_dir, found.installation_id)) {
      throw new DataDirError(
        `${here} is a copy of ${found.data_dir}, which is still there; to make it an installation of its own, remove ${path}`,
      );
    }
    await replaceFile(path, render({ ...found, data_dir: here }), 0o600);
  }
  return { installationId: found.installation_id, hostId: found.host_id };
}
