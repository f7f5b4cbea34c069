import type { BuildLogReader } from "../../core/build/log-reader.ts";
import { invalid } from "../../core/fail.ts";
import type { SseSource } from "../event-stream.ts";
import { answerEvents } from "../event-stream.ts";
import { renderSse } from "../render/sse.ts";
import { route } from "../route.ts";

const ENTRY_ID = /^[0-9]{1,9}$/;

export const streamTemplateBuild = route("streamTemplateBuild", ({ caller, params, query }, deps, exchange) => {
  const after = entryId(exchange.lastEventId ?? query.last_event_id);
  return answerEvents(deps, caller, async () => {
    const reader = await deps.builds.log(caller, params.id, after);
    return reader === null ? null : sourceOf(reader);
  });
});

/** The last event that the client has had; 0 is none. */
function entryId(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (!ENTRY_ID.test(text)) throw invalid("Last-Event-ID", "must be an event's id");
  return Number(text);
}

function sourceOf(reader: BuildLogReader): SseSource {
  return {
    async next(idleMs) {
      const entries = await reader.next(idleMs);
      return entries === null ? null : entries.map(({ seq, entry }) => renderSse({ id: seq, type: entry.type, data: entry })).join("");
    },
    close: () => reader.close(),
  };
}
