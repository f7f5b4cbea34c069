import type { FSWatcher } from "node:fs";
import { watch as watchFile } from "node:fs";
import { isPopulated } from "./cgroup-end.ts";

/** Milliseconds between two looks at what the kernel does not tell of: no watch could be had, or a look failed. */
const LOOK_AGAIN_MS = 1000;

/**
 * Calls `onGone` once when the last process of a cgroup2 directory has ended, or at once (in a later turn) when none is
 * there. The kernel reports it by a change of `cgroup.events`. The returned function stops the watch.
 */
export function watchGroup(directory: string, onGone: () => void): () => void {
  let watcher: FSWatcher | null = null;
  let again: NodeJS.Timeout | undefined;
  let open = true;
  const close = (): void => {
    open = false;
    clearTimeout(again);
    watcher?.close();
    watcher = null;
  };
  const lookLater = (): void => {
    clearTimeout(again);
    again = setTimeout(look, LOOK_AGAIN_MS).unref();
  };
  const look = (): void => {
    if (!open) return;
    let isAlive = true;
    try {
      isAlive = isPopulated(directory);
    } catch {
      // No descriptor is free, say: that is no end, and nobody else looks.
      return lookLater();
    }
    if (isAlive) return watcher === null ? lookLater() : undefined;
    close();
    onGone();
  };
  try {
    watcher = watchFile(`${directory}/cgroup.events`, { persistent: false }, look);
    watcher.on("error", () => {
      watcher?.close();
      watcher = null;
      look();
    });
  } catch {
    // Removed already, or no watch is to be had: the look below tells.
  }
  // The end may have come before the watch.
  setImmediate(look);
  return close;
}
