import type { CallEvent, ListRunsQuery, Run, RunList, RunWithOutput } from "../contract/schemas.ts";
import type { OutputOptions, OutputRange } from "../commands/output.ts";
import { readOutput } from "../commands/output.ts";
import { itemsOf } from "../transport/pages.ts";
import { follow } from "../transport/sse.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";
import { callEventOf, isLastCallEvent } from "./call-events.ts";

export interface ListRunsOptions extends CallOptions, Pick<ListRunsQuery, "endpoint" | "status" | "source"> {}

/** The runs of the team's endpoints: `client.runs`. */
export class Runs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first, as they are taken. */
  list(options: ListRunsOptions = {}): AsyncGenerator<Run, void, undefined> {
    const { endpoint, status, source, ...call } = options;
    return itemsOf((cursor) => this.#transport.json<RunList>("listRuns", { ...call, query: { endpoint, status, source, cursor } }));
  }

  /** A run, with the first 64 KiB of its output. */
  async get(id: string, options: CallOptions = {}): Promise<RunWithOutput> {
    return this.#transport.json<RunWithOutput>("getRun", { ...options, params: { id } });
  }

  /** A run's lines from the first one, then its end: also while it runs, and over cuts. */
  async *stream(id: string, options: Pick<CallOptions, "signal"> = {}): AsyncGenerator<CallEvent, void, undefined> {
    const { signal } = options;
    const events = follow(this.#transport, {
      open: async (lastId) => {
        const headers = { accept: "text/event-stream", ...(lastId === null ? {} : { "last-event-id": lastId }) };
        const response = await this.#transport.open("streamRun", { params: { id }, headers, signal });
        return response.status === 204 ? undefined : response;
      },
      isLast: isLastCallEvent,
      signal,
    });
    for await (const event of events) yield callEventOf(event);
  }

  /** What a run has printed, by offset. */
  async output(id: string, options: OutputOptions = {}): Promise<OutputRange> {
    return readOutput(this.#transport, "getRunOutput", { id }, options);
  }

  /** Ends a run, or takes it out of the queue. One that has ended stays as it is. */
  async cancel(id: string, options: CallOptions = {}): Promise<Run> {
    return this.#transport.json<Run>("cancelRun", { ...options, params: { id } });
  }
}
