import type { Event, EventGap, EventPage, ListEventsQuery } from "../contract/schemas.ts";
import type { NamesOf } from "../transport/options.ts";
import { requireKnown } from "../transport/options.ts";
import { itemsOf } from "../transport/pages.ts";
import type { ServerEvent } from "../transport/sse.ts";
import { dataOf, follow } from "../transport/sse.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";

export interface ListEventsOptions extends CallOptions {
  /** Only events of this capsule and its processes. */
  readonly capsule?: string | undefined;
  readonly type?: Event["type"] | undefined;
  /** Only events after this id. */
  readonly since?: number | undefined;
  /** `desc`, the default, is newest first. */
  readonly order?: "asc" | "desc" | undefined;
}

export interface FollowEventsOptions extends Pick<CallOptions, "signal"> {
  readonly capsule?: string | undefined;
  readonly type?: Event["type"] | undefined;
  /** `now`, the default, `start`, or the id of the last event that you have. */
  readonly from?: "now" | "start" | number | undefined;
}

const FOLLOW_OPTIONS = { signal: true, capsule: true, type: true, from: true } as const satisfies NamesOf<FollowEventsOptions>;

/** Events that were removed before they could be read. */
export interface EventsGap extends EventGap {
  readonly type: "gap";
}

/** What happens to the team's capsules and their processes: `client.events`. */
export class Events {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What has happened, as it is taken. */
  list(options: ListEventsOptions = {}): AsyncGenerator<Event, void, undefined> {
    const { capsule, type, since, order, ...call } = options;
    const query: ListEventsQuery = { capsule, type, order, since: since === undefined ? undefined : String(since) };
    return itemsOf((cursor) => this.#transport.json<EventPage>("listEvents", { ...call, query: { ...query, cursor } }));
  }

  /** What happens, as it happens, each event once: over cuts, and restarts of the server. Has no end but the signal's. */
  async *follow(options: FollowEventsOptions = {}): AsyncGenerator<Event | EventsGap, void, undefined> {
    requireKnown(options, FOLLOW_OPTIONS);
    const { capsule, type, from, signal } = options;
    const events = follow(this.#transport, {
      open: (lastId) =>
        this.#transport.open("streamEvents", {
          query: { capsule, type, ...(lastId === null ? { from } : {}) },
          headers: { accept: "text/event-stream", ...(lastId === null ? {} : { "last-event-id": lastId }) },
          signal,
        }),
      isLast: () => false,
      signal,
    });
    for await (const event of events) yield eventOf(event);
  }
}

function eventOf(told: ServerEvent): Event | EventsGap {
  const value = dataOf(told);
  if (told.event === "gap") return { ...(value as EventGap), type: "gap" }; // the contract's form of this event
  return value as Event; // the contract's form of every other one
}
