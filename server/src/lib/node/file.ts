import { randomBytes } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../error-code.ts";

async function writeBeside(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(temporary, "wx", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Creates a file with all of its content or not at all; `false` when there is one already, which stays as it is. */
export async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  const temporary = await writeBeside(path, content, mode);
  try {
    // A hard link fails where a rename would replace what another process has just made.
    await link(temporary, path);
    await syncDirectory(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes a file so that a reader sees the old content or the new one, never a part. */
export async function replaceFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = await writeBeside(path, content, mode);
  try {
    await rename(temporary, path);
    await syncDirectory(path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
