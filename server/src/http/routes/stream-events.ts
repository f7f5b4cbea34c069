import type { EventReader, ReadItem } from "../../core/event/event-reader.ts";
import { invalid } from "../../core/fail.ts";
import type { SseSource } from "../event-stream.ts";
import { answerEvents, KEEP_ALIVE } from "../event-stream.ts";
import { documentedEvent } from "../render/documented-event.ts";
import { renderEvent } from "../render/event.ts";
import { renderSse } from "../render/sse.ts";
import { route } from "../route.ts";

const EVENT_ID = /^[0-9]{1,15}$/;

export const streamEvents = route("streamEvents", ({ caller, query }, deps, exchange) => {
  const from = lastEventId(exchange.lastEventId) ?? query.from ?? "now";
  return answerEvents(deps, caller, async () =>
    sourceOf(await deps.events.open(caller, { capsule: query.capsule ?? null, type: query.type ?? null, from })),
  );
});

function lastEventId(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (!EVENT_ID.test(header)) throw invalid("Last-Event-ID", "must be an event's id");
  return Number(header);
}

function sourceOf(reader: EventReader): SseSource {
  return {
    async next(idleMs) {
      const items = await reader.next(idleMs);
      return items.length === 0 ? null : items.map((item) => renderItem(item, reader.position)).join("");
    },
    close: () => reader.close(),
  };
}

/** An `id` without data sets where a client resumes and is no event to it, so that one that hears nothing for long is not told of a gap. */
function renderItem(item: ReadItem, position: number): string {
  switch (item.kind) {
    case "event":
      return renderSse({ id: item.event.id, type: item.event.type, data: { ...renderEvent(item.event), ...documentedEvent(item.event) } });
    case "gap":
      return renderSse({ id: item.toId, type: "gap", data: { from_id: item.fromId, to_id: item.toId } });
    case "idle":
      return `${KEEP_ALIVE}id: ${position}\n\n`;
  }
}
