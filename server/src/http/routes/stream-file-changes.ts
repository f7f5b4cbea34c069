import type { WatchMessage } from "@capsuled/contract";
import type { DirectoryWatch, WatchItem } from "../../core/file/directory-watch.ts";
import type { SseSource } from "../event-stream.ts";
import { answerEvents } from "../event-stream.ts";
import { renderSse } from "../render/sse.ts";
import { renderNews, renderWatching } from "../render/watch.ts";
import { route } from "../route.ts";

export const streamFileChanges = route("streamFileChanges", ({ caller, params, query }, deps, exchange) =>
  answerEvents(deps, caller, async () =>
    sourceOf(await deps.files.watch(caller, params.id, query, query.recursive === "true"), exchange.lastEventId !== undefined),
  ),
);

/** `isResumed`: the client was here before, and what happened meanwhile nobody knows. */
function sourceOf(watch: DirectoryWatch, isResumed: boolean): SseSource {
  let seq = 1;
  const render = (item: WatchItem): string => {
    if (item.kind === "idle") return "";
    seq += 1;
    return renderMessage(renderNews(item, seq));
  };
  return {
    first: renderMessage(renderWatching(watch.directories)) + (isResumed ? render({ kind: "overflow" }) : ""),
    async next(idleMs) {
      const items = await watch.next(idleMs);
      return items.length === 0 ? null : items.map(render).join("");
    },
    close: () => watch.close(),
  };
}

function renderMessage(message: WatchMessage): string {
  return renderSse({ ...("seq" in message && { id: message.seq }), type: message.type, data: message });
}
