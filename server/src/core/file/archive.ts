import type { Principal } from "../access/principal.ts";
import { invalid } from "../fail.ts";
import type { ModeChange, ReadArchive, WrittenArchive } from "../ports/agent-files.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { FileDeps } from "./deps.ts";
import type { PathInput } from "./path.ts";
import { resolvePath } from "./path.ts";
import type { ByteContent } from "./work.ts";
import { openIn, workIn } from "./work.ts";
import type { ByteSource } from "./write-file.ts";
import { sendAll } from "./write-file.ts";

/** A directory or a file as a tar stream. */
export interface ArchiveContent extends ByteContent {
  /** What is in it; known after the last. */
  end(): ReadArchive | null;
}

/** Begins to read an archive, which counts as activity to its end. */
export async function readArchive(deps: FileDeps, principal: Principal, capsuleId: string, input: PathInput): Promise<ArchiveContent> {
  const path = resolvePath(input);
  return openIn(deps, principal, capsuleId, async ({ link }, attended) => {
    const download = await link.files.readArchive(path);
    return { ...attended(download), end: () => download.end };
  });
}

/** Unpacks a tar stream below a directory. What was unpacked before it fails stays. */
export async function writeArchive(
  deps: FileDeps,
  principal: Principal,
  capsuleId: string,
  input: PathInput,
  owner: Omit<ModeChange, "mode">,
  source: ByteSource,
): Promise<WrittenArchive> {
  const path = resolvePath(input);
  return workIn(deps, principal, capsuleId, async (live) => {
    try {
      return await sendAll(await live.link.files.writeArchive(path, owner), source, () => live.touch(deps.clock.now()));
    } catch (error) {
      throw memberRefusal(error);
    }
  });
}

/** What the agent says of a member, with its name, is about the archive. */
function memberRefusal(error: unknown): unknown {
  if (!(error instanceof AgentRefusal)) return error;
  switch (error.code) {
    case "outside":
    case "bad_archive":
    case "not_a_file":
    case "not_directory":
    case "is_directory":
    case "too_big":
    case "name_too_long":
      // Without a member there is nothing behind the colon.
      return invalid("archive", error.message.replace(/: $/, ""));
    default:
      return error;
  }
}
