import type { Principal } from "../core/access/principal.ts";
import type { Answer, BodyStream } from "./answer.ts";
import { NO_CONTENT } from "./answer.ts";
import type { RouteDeps } from "./deps.ts";

/** Milliseconds after which a browser comes back when the stream breaks off. */
const RETRY_MS = 1000;

/** Word that the connection lives: a line of comment, which no client takes for an event. */
export const KEEP_ALIVE = ": keep-alive\n";

/** What a stream of Server-Sent Events is read from. */
export interface SseSource {
  /** What is written with the beginning of the stream. */
  readonly first?: string;
  /** What comes next, as it is written; an empty text after `idleMs` without anything, `null` once it is over. One call at a time. */
  next(idleMs: number): Promise<string | null>;
  /** Ends it; more than one call is one. */
  close(): void;
}

/**
 * A source's events, as long as the caller has a place among the streams; 204 where there is no source, so that an EventSource stops
 * coming back. Throws `unavailable` when there are as many streams as the server takes, and what `open` throws.
 */
export async function answerEvents(
  { streams, streamLimits }: Pick<RouteDeps, "streams" | "streamLimits">,
  caller: Principal,
  open: () => Promise<SseSource | null>,
): Promise<Answer> {
  const ended = new AbortController();
  const leave = streams.enter({ keyId: caller.keyId, group: caller.teamId }, () => ended.abort());
  try {
    const source = await open();
    if (source === null) {
      leave();
      return NO_CONTENT;
    }
    // It may have been ended while it was opened.
    if (ended.signal.aborted) source.close();
    else ended.signal.addEventListener("abort", () => source.close(), { once: true });
    return eventStreamAnswer(eventStream(source, streamLimits.keepAliveMs, leave));
  } catch (error) {
    leave();
    throw error;
  }
}

export function eventStreamAnswer(stream: BodyStream): Answer {
  // A proxy that buffers would keep events from a client for as long as it likes.
  const headers = { "x-accel-buffering": "no" };
  return { status: 200, contentType: "text/event-stream; charset=utf-8", body: null, headers, stream };
}

/** At the client's pace. `leave` is called once, when it is over. */
function eventStream(source: SseSource, keepAliveMs: number, leave: () => void): BodyStream {
  const end = (): void => {
    source.close();
    leave();
  };
  return {
    cancel: end,
    async write(sink) {
      sink.onClose(() => source.close());
      try {
        let isOpen = await sink.send(`retry: ${RETRY_MS}\n\n${source.first ?? ""}`);
        while (isOpen) {
          const text = await source.next(keepAliveMs);
          if (text === null) return;
          isOpen = await sink.send(text === "" ? `${KEEP_ALIVE}\n` : text);
        }
      } finally {
        end();
      }
    },
  };
}
