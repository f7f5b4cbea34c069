import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { runningCapsule } from "../capsule/running.ts";
import { elseEnded } from "../process/else-ended.ts";
import type { FileDeps } from "./deps.ts";
import { fileRefusal } from "./refusal.ts";

/** Holds a running capsule awake from here to `leave`, which may be called more than once. */
export function attend(deps: Pick<FileDeps, "clock">, live: LiveCapsule): () => void {
  live.touch(deps.clock.now());
  live.busy += 1;
  let isHere = true;
  return () => {
    if (!isHere) return;
    isHere = false;
    live.busy -= 1;
    live.touch(deps.clock.now());
  };
}

/** The caller's running capsule at work on its files, which counts as activity. Throws what a caller is to read. */
export async function workIn<T>(
  deps: FileDeps,
  principal: Principal,
  capsuleId: string,
  work: (live: LiveCapsule) => Promise<T>,
): Promise<T> {
  const live = await runningCapsule(deps, principal, capsuleId);
  const leave = attend(deps, live);
  try {
    return await elseEnded(deps, capsuleId, work(live));
  } catch (error) {
    throw fileRefusal(error);
  } finally {
    leave();
  }
}
