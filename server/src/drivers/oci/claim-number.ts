import { linkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../lib/error-code.ts";

/**
 * Reserves the first of these numbers that nobody on this host holds, by a file of its name; `null` when all are held.
 * The file is written whole as `temporary` first: it is never seen without its content.
 */
export function claimNumber(directory: string, temporary: string, content: string, numbers: Iterable<number>): number | null {
  const written = join(directory, temporary);
  writeFileSync(written, content, { mode: 0o600 });
  try {
    for (const number of numbers) {
      try {
        linkSync(written, join(directory, String(number)));
        return number;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
    return null;
  } finally {
    rmSync(written, { force: true });
  }
}
