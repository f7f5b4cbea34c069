import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { runningCapsule } from "../capsule/running.ts";
import { fail } from "../fail.ts";
import { elseEnded } from "../process/else-ended.ts";
import type { FileDeps } from "./deps.ts";
import type { DirectoryWatch } from "./directory-watch.ts";
import { LiveWatch } from "./directory-watch.ts";
import type { PathInput } from "./path.ts";
import { resolvePath } from "./path.ts";
import { fileRefusal } from "./refusal.ts";

/** Watches of one capsule at once: a quarter of the operations on files that its agent takes, so that the others always have room. */
export const WATCHES_MAX = 16;

/** Begins to watch a directory of the caller's running capsule. Changes from here on are told. */
export async function watchFiles(
  deps: FileDeps,
  principal: Principal,
  capsuleId: string,
  input: PathInput,
  recursive: boolean,
): Promise<DirectoryWatch> {
  const path = resolvePath(input);
  const live = await runningCapsule(deps, principal, capsuleId);
  const leave = takePlace(live);
  try {
    return new LiveWatch(await elseEnded(deps, capsuleId, live.link.files.watch(path, recursive)), live, deps.store, leave);
  } catch (error) {
    leave();
    throw fileRefusal(error);
  }
}

function takePlace(live: LiveCapsule): () => void {
  if (live.watches >= WATCHES_MAX)
    throw fail("process_limit", `${WATCHES_MAX} watches of this capsule's files are open, which is as many as it gets; close one first.`);
  live.watches += 1;
  let isHere = true;
  return () => {
    if (isHere) live.watches -= 1;
    isHere = false;
  };
}
