import { readdir } from "node:fs/promises";
import { codeOf } from "../error-code.ts";

/** Whether a file operation failed because what it names is not there (any more): ENOENT, or ENODEV of a removed cgroup. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENODEV";
}

/** The names in a directory; none where it is missing. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
