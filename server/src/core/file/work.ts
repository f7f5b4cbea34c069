import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { liveOwned, runningCapsule } from "../capsule/running.ts";
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

/** What comes of a capsule's files piece by piece. Somebody must read it to its end or close it. */
export interface ByteContent {
  /** The next bytes, without a promise where they have come; `null` after the last. Throws where it cannot be read to its end. */
  next(): Uint8Array | null | Promise<Uint8Array | null>;
  close(): void;
}

/** As `workIn`, for work that goes on once it is begun: `attended` makes reading what was opened activity, to its end. */
export async function openIn<T>(
  deps: FileDeps,
  principal: Principal,
  capsuleId: string,
  open: (live: LiveCapsule, attended: (content: ByteContent) => ByteContent) => Promise<T>,
): Promise<T> {
  const live = liveOwned(deps, principal, capsuleId) ?? (await runningCapsule(deps, principal, capsuleId));
  const leave = attend(deps, live);
  const touch = (): void => live.touch(deps.clock.now());
  try {
    return await elseEnded(
      deps,
      capsuleId,
      open(live, (content) => attendedContent(content, touch, leave)),
    );
  } catch (error) {
    leave();
    throw fileRefusal(error);
  }
}

function attendedContent(content: ByteContent, touch: () => void, leave: () => void): ByteContent {
  const took = (bytes: Uint8Array | null): Uint8Array | null => {
    if (bytes === null) leave();
    else touch();
    return bytes;
  };
  const failed = (error: unknown): never => {
    leave();
    throw fileRefusal(error);
  };
  return {
    next() {
      try {
        const bytes = content.next();
        return bytes instanceof Promise ? bytes.then(took, failed) : took(bytes);
      } catch (error) {
        return failed(error);
      }
    },
    close() {
      content.close();
      leave();
    },
  };
}
