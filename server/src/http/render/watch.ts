import type { WatchMessage } from "@capsuled/contract";
import type { WatchItem } from "../../core/file/directory-watch.ts";

/** What has a message: everything but the lack of news. */
export type WatchNews = Exclude<WatchItem, { readonly kind: "idle" }>;

export function renderWatching(directories: number): WatchMessage {
  return { type: "watching", directories, seq: 1 };
}

export function renderNews(item: WatchNews, seq: number): WatchMessage {
  switch (item.kind) {
    case "created":
    case "modified":
    case "removed":
    case "attributes_changed":
      return { type: item.kind, ...renderPath(item), seq };
    case "renamed":
      return {
        type: "renamed",
        ...renderPath(item),
        from: item.from,
        ...(item.fromBase64 !== undefined && { from_base64: item.fromBase64 }),
        seq,
      };
    case "overflow":
    case "paused":
    case "resumed":
      return { type: item.kind, seq };
    case "ended":
      return { type: "ended", reason: item.reason, seq };
  }
}

function renderPath({ path, pathBase64, isDirectory }: { path: string; pathBase64?: string; isDirectory: boolean }) {
  return { path, ...(pathBase64 !== undefined && { path_base64: pathBase64 }), directory: isDirectory };
}
