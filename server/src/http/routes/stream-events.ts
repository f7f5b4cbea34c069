import { invalid } from "../../core/fail.ts";
import type { Answer } from "../answer.ts";
import { eventStream } from "../event-stream.ts";
import { route } from "../route.ts";

const EVENT_ID = /^[0-9]{1,15}$/;

export const streamEvents = route(
  "streamEvents",
  async ({ caller, query }, { events, streams, streamLimits }, exchange): Promise<Answer> => {
    const from = lastEventId(exchange.lastEventId) ?? query.from ?? "now";
    let end = (): void => {};
    const leave = streams.enter({ keyId: caller.keyId, group: caller.teamId }, () => end());
    try {
      const reader = await events.open(caller, { capsule: query.capsule ?? null, type: query.type ?? null, from });
      end = () => reader.close();
      // A proxy that buffers would keep events from a client for as long as it likes.
      const headers = { "x-accel-buffering": "no" };
      return {
        status: 200,
        contentType: "text/event-stream; charset=utf-8",
        body: null,
        headers,
        stream: eventStream(reader, streamLimits.keepAliveMs, leave),
      };
    } catch (error) {
      leave();
      throw error;
    }
  },
);

/** A browser that has had no event yet may send none, or an empty one. */
function lastEventId(header: string | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (!EVENT_ID.test(header)) throw invalid("Last-Event-ID", "must be an event's id");
  return Number(header);
}
