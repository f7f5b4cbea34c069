import { callEvent } from "@capsuled/contract";
import type { z } from "zod";
import { Arrivals } from "./arrivals.ts";
import { piecesOf } from "./event-blocks.ts";

export type CallEvent = z.output<typeof callEvent>;

/** One event as it came. */
export interface SeenEvent {
  readonly id: string;
  readonly event: CallEvent;
  /** `performance.now()` when its bytes were read. */
  readonly at: number;
}

const WAIT_MS = 30_000;

/** A reader of a call's Server-Sent Events; every event is checked against the contract. */
export class CallStream implements AsyncDisposable {
  readonly status: number;
  readonly headers: Headers;
  readonly seen: SeenEvent[] = [];
  /** Comments, such as keep-alives. */
  readonly comments: string[] = [];
  /** The last `id:` that came, an event's or one without data. */
  lastId: string | null = null;
  /** All that came, as it came. */
  raw = "";
  readonly #abort: AbortController;
  readonly #reading: Promise<void>;
  readonly #arrivals = new Arrivals();
  #broken: Error | null = null;

  constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#abort = abort;
    this.#reading = this.#read(response)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) this.#broken = error instanceof Error ? error : new Error("the stream broke", { cause: error });
      })
      .finally(() => this.#arrivals.end());
  }

  get runId(): string {
    const id = this.headers.get("x-run-id");
    if (id === null) throw new Error(`the answer names no run: ${this.status}`);
    return id;
  }

  get events(): readonly CallEvent[] {
    return this.seen.map(({ event }) => event);
  }

  /** Lines of both streams, in order; pieces of a split line are joined. */
  lines(stream?: "stdout" | "stderr"): readonly string[] {
    const lines: string[] = [];
    let isOpen = false;
    for (const event of this.events) {
      if (event.type !== "output" || (stream !== undefined && event.stream !== stream)) continue;
      if (isOpen) lines.push(`${lines.pop() ?? ""}${event.data}`);
      else lines.push(event.data);
      isOpen = event.partial === true;
    }
    return lines;
  }

  /** The first event for which this holds, come or to come. */
  event(holds: (event: CallEvent) => boolean, timeoutMs = WAIT_MS): Promise<SeenEvent> {
    return this.#arrivals.until(
      () => this.seen.find(({ event }) => holds(event)),
      timeoutMs,
      () => `the event did not come (${this.#broken?.message ?? "it ended"}); got ${this.raw.slice(-2000)}`,
    );
  }

  /** The event of the first line with this text. */
  line(text: string, timeoutMs = WAIT_MS): Promise<SeenEvent> {
    return this.event((event) => event.type === "output" && event.data === text, timeoutMs);
  }

  /** Reads to the server's own end of the stream; throws where the connection broke. */
  async over(): Promise<this> {
    await this.#reading;
    if (this.#broken !== null)
      throw new Error(`the stream broke off: ${this.#broken?.message ?? "it ended"}; got ${this.raw.slice(-2000)}`);
    return this;
  }

  /** The last event, which must be `done`. */
  done(): Extract<CallEvent, { type: "done" }> {
    const last = this.events.at(-1);
    if (last?.type !== "done") throw new Error(`the stream did not end with done: ${this.raw.slice(-2000)}`);
    return last;
  }

  /** The last event, which must be `error`. */
  error(): Extract<CallEvent, { type: "error" }> {
    const last = this.events.at(-1);
    if (last?.type !== "error") throw new Error(`the stream did not end with error: ${this.raw.slice(-2000)}`);
    return last;
  }

  /** Leaves, as a caller that goes away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(response: Response): Promise<void> {
    for await (const { text, blocks } of piecesOf(response)) {
      this.raw += text;
      for (const block of blocks) this.#take(block);
      this.#arrivals.tell();
    }
  }

  #take(block: string): void {
    let id: string | undefined;
    let data: string | undefined;
    for (const line of block.split("\n")) {
      if (line.startsWith(":")) this.comments.push(line.slice(1).trim());
      else if (line.startsWith("id: ")) id = line.slice("id: ".length);
      else if (line.startsWith("data: ")) data = line.slice("data: ".length);
      else if (!line.startsWith("retry: ")) throw new Error(`a line of no event: ${JSON.stringify(line.slice(0, 200))}`);
    }
    if (id !== undefined) this.lastId = id;
    if (data === undefined) return;
    if (id === undefined) throw new Error(`an event without an id: ${block.slice(0, 200)}`);
    this.seen.push({ id, event: callEvent.parse(JSON.parse(data)), at: performance.now() });
  }
}
