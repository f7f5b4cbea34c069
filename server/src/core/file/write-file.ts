import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { runningCapsule } from "../capsule/running.ts";
import type { FilePath, FileUpload, FileWriteRequest, WrittenFile } from "../ports/agent-files.ts";
import { elseEnded } from "../process/else-ended.ts";
import type { FileDeps } from "./deps.ts";
import type { PathInput } from "./path.ts";
import { resolvePath } from "./path.ts";
import { fileRefusal } from "./refusal.ts";
import { attend } from "./work.ts";

/** Bytes as they come. Where it throws, nothing is written. */
export type ByteSource = AsyncIterable<Uint8Array>;

/**
 * Writes a file of the caller's capsule as a whole: it is in its place when this resolves, and nothing is left of it where this throws.
 * No more of the source is held than the way to the capsule takes.
 */
export async function writeFile(
  deps: FileDeps,
  principal: Principal,
  capsuleId: string,
  input: PathInput,
  wish: FileWriteRequest,
  source: ByteSource,
): Promise<WrittenFile> {
  const path = resolvePath(input);
  const live = await runningCapsule(deps, principal, capsuleId);
  const leave = attend(deps, live);
  try {
    return await elseEnded(
      deps,
      capsuleId,
      pump(live, path, wish, source, () => live.touch(deps.clock.now())),
    );
  } catch (error) {
    throw fileRefusal(error);
  } finally {
    leave();
  }
}

async function pump(
  { link }: LiveCapsule,
  path: FilePath,
  wish: FileWriteRequest,
  source: ByteSource,
  touch: () => void,
): Promise<WrittenFile> {
  return sendAll(await link.files.write(path, wish), source, touch);
}

/** At the pace of the way to the capsule; `touch` is called with every piece. */
export async function sendAll<Outcome>(upload: FileUpload<Outcome>, source: ByteSource, touch: () => void): Promise<Outcome> {
  try {
    for await (const bytes of source) {
      touch();
      const room = upload.send(bytes);
      if (room !== undefined) await room;
    }
    return await upload.finish();
  } finally {
    upload.abort();
  }
}
