import { mkdir, stat } from "node:fs/promises";

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
    await mkdir(path, { recursive: true, mode: 0o711 });
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
