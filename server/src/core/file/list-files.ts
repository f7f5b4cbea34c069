import { invalid } from "../fail.ts";
import type { Principal } from "../access/principal.ts";
import type { AgentFileEntry, FilePath } from "../ports/agent-files.ts";
import type { FileDeps } from "./deps.ts";
import type { PathInput } from "./path.ts";
import { resolvePath } from "./path.ts";
import { workIn } from "./work.ts";

export interface ListInput extends PathInput {
  readonly depth: number;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface FileList {
  readonly entries: readonly AgentFileEntry[];
  readonly nextCursor: string | null;
}

/** A list of at most `limit` entries, from as many of the agent's pages as that takes. */
export async function listFiles(deps: FileDeps, principal: Principal, capsuleId: string, input: ListInput): Promise<FileList> {
  const path = resolvePath(input);
  let after = input.cursor === undefined ? null : parseCursor(input.cursor);
  return workIn(deps, principal, capsuleId, async ({ link }) => {
    const entries: AgentFileEntry[] = [];
    for (;;) {
      const page = await link.files.list(path, { depth: Math.max(1, input.depth), limit: input.limit - entries.length, after });
      entries.push(...page.entries);
      after = page.next;
      if (after === null || entries.length >= input.limit || page.entries.length === 0)
        return { entries, nextCursor: after === null ? null : renderCursor(after) };
    }
  });
}

/** What comes before the path of a cursor, by how it is written. */
const TEXT = "t";
const BYTES = "b";

function renderCursor(after: FilePath): string {
  return encodeURIComponent("path" in after ? TEXT + after.path : BYTES + after.path_base64);
}

function parseCursor(cursor: string): FilePath {
  let text = "";
  try {
    text = decodeURIComponent(cursor);
  } catch {
    // Answered below.
  }
  const rest = text.slice(1);
  if (text.startsWith(`${TEXT}/`) && !text.includes("\0")) return { path: rest };
  if (text.startsWith(BYTES) && /^[A-Za-z0-9+/]+={0,2}$/.test(rest)) return { path_base64: rest };
  throw invalid("cursor", "is none that an answer has given");
}
