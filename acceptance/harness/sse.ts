import { eventGap, eventSchema } from "@capsuled/contract";
import type { Event as CapsuleEvent } from "./events.ts";
import { Arrivals } from "./arrivals.ts";
import { piecesOf } from "./event-blocks.ts";
import { readState } from "./state.ts";

/** A client of the event stream; every event is checked against the contract. */
export class EventClient implements AsyncDisposable {
  readonly events: CapsuleEvent[] = [];
  readonly gaps: { readonly from_id: number; readonly to_id: number }[] = [];
  /** The last `id:` that came, an event's or a comment's. */
  lastId: string | null = null;
  readonly status: number;
  readonly #abort: AbortController;
  readonly #reading: Promise<void>;
  readonly #arrivals = new Arrivals();
  #broken: unknown = null;

  constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.#abort = abort;
    this.#reading = this.#read(response)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) this.#broken = error;
      })
      .finally(() => this.#arrivals.end());
  }

  /** The first event for which this holds, come or to come. */
  async event(holds: (event: CapsuleEvent) => boolean, timeoutMs = 15_000): Promise<CapsuleEvent> {
    return this.#arrivals.until(
      () => this.events.find(holds),
      timeoutMs,
      () => {
        const got = this.events.map(({ id, type }) => `${id} ${type}`).join(", ");
        return `the event did not come (${String(this.#broken)}); got ${got}`;
      },
    );
  }

  /** Resolves when the server has ended the stream. */
  async over(): Promise<void> {
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(response: Response): Promise<void> {
    for await (const { blocks } of piecesOf(response)) {
      for (const block of blocks) this.#take(block);
      this.#arrivals.tell();
    }
  }

  #take(block: string): void {
    const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
    const id = fields.get("id");
    if (id !== undefined) this.lastId = id;
    const data = fields.get("data");
    if (data === undefined) return;
    if (fields.get("event") === "gap") this.gaps.push(eventGap.parse(JSON.parse(data)));
    else {
      const event = eventSchema.parse(JSON.parse(data));
      if (String(event.id) !== id || event.type !== fields.get("event")) throw new Error(`the event and its fields differ: ${block}`);
      this.events.push(event);
    }
  }
}

/** Follows the events of the key's team. */
export async function followEvents(
  query = "",
  options: { readonly key?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<EventClient> {
  const { url, adminKey } = readState();
  const abort = new AbortController();
  const response = await fetch(`${url}/v1/events/stream${query}`, {
    headers: { "x-api-key": options.key ?? adminKey, accept: "text/event-stream", ...options.headers },
    signal: abort.signal,
  });
  return new EventClient(response, abort);
}
