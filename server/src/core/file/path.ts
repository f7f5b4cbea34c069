import { LIMITS } from "@capsuled/contract";
import { utf8Bytes } from "@capsuled/contract";
import { invalid } from "../fail.ts";
import type { FilePath } from "../ports/agent-files.ts";

/** Where relative paths begin, and what `~` is. */
export const HOME = "/root";

/** A path as a caller names it: one of the two. */
export interface PathInput {
  readonly path?: string | undefined;
  readonly path_base64?: string | undefined;
}

/** The absolute path that a caller means; `field` is what callers know it by. Throws `invalid_request`. */
export function resolvePath({ path, path_base64: base64 }: PathInput, field = "path"): FilePath {
  if (base64 !== undefined) {
    if (path !== undefined) throw invalid(`${field}_base64`, `is given beside ${field}`);
    return { path_base64: base64 };
  }
  if (path === undefined || path === "") throw invalid(field, "is required");
  const absolute = absolutePath(path);
  if (utf8Bytes(absolute) > LIMITS.filePathBytesMax) throw invalid(field, `at most ${LIMITS.filePathBytesMax} bytes`);
  return { path: absolute };
}

/** `.` and an ending in `/.` mean the directory that they stand in; `..` is the agent's to follow, since links may be on the way. */
function absolutePath(path: string): string {
  const from = path.startsWith("/") ? path : path === "~" ? HOME : `${HOME}/${path.startsWith("~/") ? path.slice(2) : path}`;
  let end = from;
  while (end.endsWith("/.") || (end.endsWith("/") && end.length > 1)) end = end.slice(0, end.endsWith("/.") ? -2 : -1);
  return end === "" ? "/" : end;
}
