import type { FSWatcher } from "node:fs";
import { watch as watchFile } from "node:fs";
import { isPopulated } from "./cgroup-end.ts";

/**
 * Calls `onGone` once when the last process of a cgroup2 directory has ended, or at once (in a later turn) when none is
 * there. The kernel reports it by a change of `cgroup.events`. The returned function stops the watch.
 */
export function watchGroup(directory: string, onGone: () => void): () => void {
  let watcher: FSWatcher | null = null;
  let open = true;
  const close = (): void => {
    open = false;
    watcher?.close();
    watcher = null;
  };
  const look = (): void => {
    if (!open || isPopulated(directory)) return;
    close();
    onGone();
  };
  try {
    watcher = watchFile(`${directory}/cgroup.events`, { persistent: false }, look);
    watcher.on("error", look);
  } catch {
    // Already removed; the look below says so.
  }
  // The end may have come before the watch.
  setImmediate(look);
  return close;
}
