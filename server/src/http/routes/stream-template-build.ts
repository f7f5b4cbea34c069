import { invalid } from "../../core/fail.ts";
import type { Answer } from "../answer.ts";
import { NO_CONTENT } from "../answer.ts";
import { buildLogStream } from "../build-log-stream.ts";
import { route } from "../route.ts";

const ENTRY_ID = /^[0-9]{1,9}$/;

export const streamTemplateBuild = route(
  "streamTemplateBuild",
  async ({ caller, params, query }, { builds, streams, streamLimits }, exchange): Promise<Answer> => {
    const after = entryId(exchange.lastEventId === undefined || exchange.lastEventId === "" ? query.last_event_id : exchange.lastEventId);
    let end = (): void => {};
    const leave = streams.enter({ keyId: caller.keyId, group: caller.teamId }, () => end());
    try {
      const reader = await builds.log(caller, params.id, after);
      if (reader === null) {
        leave();
        return NO_CONTENT;
      }
      end = () => reader.close();
      // A proxy that buffers would keep lines from a client for as long as it likes.
      const headers = { "x-accel-buffering": "no" };
      const stream = buildLogStream(reader, streamLimits.keepAliveMs, leave);
      return { status: 200, contentType: "text/event-stream; charset=utf-8", body: null, headers, stream };
    } catch (error) {
      leave();
      throw error;
    }
  },
);

/** The last event that the client has had; 0 is none. */
function entryId(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (!ENTRY_ID.test(text)) throw invalid("Last-Event-ID", "must be an event's id");
  return Number(text);
}
