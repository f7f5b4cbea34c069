import type { WatchMessage } from "../contract/schemas.ts";
import type { NamesOf } from "../transport/options.ts";
import { requireKnown } from "../transport/options.ts";
import { dataOf, follow } from "../transport/sse.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";

export interface WatchOptions extends Pick<CallOptions, "signal"> {
  /** All directories below it, too, those that appear included. */
  readonly recursive?: boolean | undefined;
}

const WATCH_OPTIONS = { signal: true, recursive: true } as const satisfies NamesOf<WatchOptions>;

/** What happened in a directory that is watched. */
export type FileChange = Exclude<WatchMessage, { type: "error" }>;

/** Changes as they happen. Each connection is a watch of its own: the server begins those that follow a cut with an `overflow`. */
export async function* watchFiles(
  transport: Transport,
  capsuleId: string,
  path: string,
  options: WatchOptions,
): AsyncGenerator<FileChange, void, undefined> {
  requireKnown(options, WATCH_OPTIONS);
  const { recursive, signal } = options;
  const events = follow(transport, {
    open: (lastId) =>
      transport.open("streamFileChanges", {
        params: { id: capsuleId },
        query: { path, recursive },
        headers: { accept: "text/event-stream", ...(lastId === null ? {} : { "last-event-id": lastId }) },
        signal,
      }),
    isLast: ({ event }) => event === "ended",
    signal,
  });
  let hasBegun = false;
  for await (const told of events) {
    if (told.event === "watching" && hasBegun) continue;
    hasBegun = true;
    yield dataOf(told) as FileChange; // the contract's form of these events
  }
}
