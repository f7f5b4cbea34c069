import type { Answer } from "../answer.ts";
import { watchEvents } from "../files/watch-events.ts";
import { route } from "../route.ts";

export const streamFileChanges = route(
  "streamFileChanges",
  async ({ caller, params, query }, { files, streams, streamLimits }, exchange): Promise<Answer> => {
    let end = (): void => {};
    const leave = streams.enter({ keyId: caller.keyId, group: caller.teamId }, () => end());
    try {
      const watch = await files.watch(caller, params.id, query, query.recursive === "true");
      end = () => watch.close();
      const isResumed = exchange.lastEventId !== undefined && exchange.lastEventId !== "";
      return {
        status: 200,
        contentType: "text/event-stream; charset=utf-8",
        body: null,
        // A proxy that buffers would keep events from a client for as long as it likes.
        headers: { "x-accel-buffering": "no" },
        stream: watchEvents(watch, isResumed, streamLimits.keepAliveMs, leave),
      };
    } catch (error) {
      leave();
      throw error;
    }
  },
);
