import type { WatchMessage } from "@capsuled/contract";
import type { DirectoryWatch, WatchItem } from "../../core/file/directory-watch.ts";
import type { BodyStream } from "../answer.ts";
import { RETRY_MS } from "../event-stream.ts";
import { renderNews, renderWatching } from "../render/watch.ts";

/**
 * A watch as Server-Sent Events, at the client's pace. `isResumed`: the client was here before, and what happened meanwhile nobody knows.
 * `leave` is called once, when it is over.
 */
export function watchEvents(watch: DirectoryWatch, isResumed: boolean, keepAliveMs: number, leave: () => void): BodyStream {
  const end = (): void => {
    watch.close();
    leave();
  };
  return {
    cancel: end,
    async write(sink) {
      sink.onClose(() => watch.close());
      let seq = 1;
      const render = (item: WatchItem): string => {
        if (item.kind === "idle") return ": keep-alive\n\n";
        seq += 1;
        return renderEvent(renderNews(item, seq));
      };
      try {
        const first = renderEvent(renderWatching(watch.directories)) + (isResumed ? render({ kind: "overflow" }) : "");
        let isOpen = await sink.send(`retry: ${RETRY_MS}\n\n${first}`);
        while (isOpen) {
          const items = await watch.next(keepAliveMs);
          if (items.length === 0) return;
          isOpen = await sink.send(items.map(render).join(""));
        }
      } finally {
        end();
      }
    },
  };
}

function renderEvent(message: WatchMessage): string {
  const id = "seq" in message ? `id: ${message.seq}\n` : "";
  return `${id}event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
}
