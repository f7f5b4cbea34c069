import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** The data directory cannot be used; the message says what to do. */
export class DataDirError extends Error {
  override readonly name = "DataDirError";
}

/**
 * Makes the data directory. Everyone may walk through it (0711), since launches in a user namespace must; nobody else may list
 * or write it, and what is secret inside has a mode of its own.
 */
export async function ensureDataDir(path: string): Promise<void> {
  try {
    await makeDirectory(path);
    const found = await stat(path);
    if (!found.isDirectory()) throw new DataDirError(`${path} is not a directory`);
    if ((found.mode & 0o022) !== 0) throw new DataDirError(`${path} can be written by others: chmod go-w ${path}`);
  } catch (error) {
    if (error instanceof DataDirError) throw error;
    throw new DataDirError(`the data directory ${path} cannot be made: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/**
 * Makes a directory and those above it. Node's own recursive `mkdir` never ends where a file system says ENOENT of a directory that
 * cannot be made, as /proc does.
 */
async function makeDirectory(path: string): Promise<void> {
  if (await isThere(path)) return;
  if (dirname(path) !== path) await makeDirectory(dirname(path));
  await mkdir(path, { mode: 0o711 }).catch(async (error: unknown) => {
    // Another may have made it meanwhile.
    if (!(await isThere(path))) throw error;
  });
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
