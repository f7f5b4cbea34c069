import { statSync } from "node:fs";

/** What tells a file from another one that has its name later; `undefined` where there is none. */
export function placeOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}
