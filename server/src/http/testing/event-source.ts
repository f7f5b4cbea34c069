import { eventGap, eventSchema } from "@capsuled/contract";
import { KEYS } from "./fake-services.ts";
import type { World } from "./world.ts";

/** One block of an event stream, as it came. */
export interface SseBlock {
  readonly id: string | null;
  readonly event: string | null;
  readonly data: string | null;
  readonly comment: string | null;
}

/** A client of an event stream that reads block by block; events are checked against the contract. */
export class EventSourceClient implements AsyncDisposable {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: AbortController;
  #text = "";

  private constructor(response: Response, abort: AbortController) {
    if (response.body === null) throw new Error("no body");
    this.response = response;
    this.#abort = abort;
    this.#reader = response.body.getReader();
  }

  static async open(world: World, query = "", headers: Readonly<Record<string, string>> = {}): Promise<EventSourceClient> {
    const abort = new AbortController();
    const response = await fetch(`${world.url}/v1/events/stream${query}`, {
      headers: { "x-api-key": KEYS.member, ...headers },
      signal: abort.signal,
    });
    return new EventSourceClient(response, abort);
  }

  /** The next block, or `null` at the stream's end. */
  async next(): Promise<SseBlock | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = parse(this.#text.slice(0, end));
        this.#text = this.#text.slice(end + 2);
        if (block.event === "gap") eventGap.parse(JSON.parse(block.data ?? ""));
        else if (block.data !== null) eventSchema.parse(JSON.parse(block.data));
        return block;
      }
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#text += Buffer.from(value).toString("utf8");
    }
  }

  /** The next event or gap: its id and name. */
  async event(): Promise<string> {
    for (;;) {
      const block = await this.next();
      if (block === null) return "end";
      if (block.data !== null) return `${block.id} ${block.event}`;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reader.read().catch(() => null);
  }
}

function parse(text: string): SseBlock {
  const field = (name: string): string | null => {
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}: `));
    return lines.length === 0 ? null : lines.map((line) => line.slice(name.length + 2)).join("\n");
  };
  const comment = text.split("\n").find((line) => line.startsWith(":"));
  return { id: field("id"), event: field("event"), data: field("data"), comment: comment?.slice(1).trim() ?? null };
}
