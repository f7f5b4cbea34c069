import type { EventReader, ReadItem } from "../core/event/event-reader.ts";
import type { BodyStream } from "./answer.ts";
import { renderEvent } from "./render/event.ts";

/** Milliseconds after which a browser comes back when the stream breaks off. */
export const RETRY_MS = 1000;

/** A team's events as Server-Sent Events, at the client's pace. `leave` is called once, when it is over. */
export function eventStream(reader: EventReader, keepAliveMs: number, leave: () => void): BodyStream {
  const end = (): void => {
    reader.close();
    leave();
  };
  return {
    cancel: end,
    async write(sink) {
      sink.onClose(() => reader.close());
      try {
        let isOpen = await sink.send(`retry: ${RETRY_MS}\n\n`);
        while (isOpen) {
          const items = await reader.next(keepAliveMs);
          if (items.length === 0) return;
          isOpen = await sink.send(items.map((item) => renderItem(item, reader.position)).join(""));
        }
      } finally {
        end();
      }
    },
  };
}

/** An `id` without data sets where a client resumes and is no event to it, so that one that hears nothing for long is not told of a gap. */
function renderItem(item: ReadItem, position: number): string {
  switch (item.kind) {
    case "event":
      return `id: ${item.event.id}\nevent: ${item.event.type}\ndata: ${JSON.stringify(renderEvent(item.event))}\n\n`;
    case "gap":
      return `id: ${item.toId}\nevent: gap\ndata: ${JSON.stringify({ from_id: item.fromId, to_id: item.toId })}\n\n`;
    case "idle":
      return `: keep-alive\nid: ${position}\n\n`;
  }
}
