import { CapsuledError, ConnectionError, StreamError } from "../errors.ts";
import { parsed } from "./answer.ts";
import { connectionFailure } from "./failure.ts";
import { isConnectionTrouble, LIVED_MS, Retry } from "./retry.ts";
import { reasonOf, sleep } from "./timing.ts";
import type { Transport } from "./transport.ts";

/** Characters of one event; more is no event of ours. */
const EVENT_CHARS_MAX = 4 * 1024 * 1024;
/** Milliseconds without a byte, though the server sends a comment every 15 s. */
const SILENT_MS = 60_000;

export interface ServerEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** Cuts a text of Server-Sent Events into events; keeps what is not whole yet. An event without data only moves the position. */
export class EventCutter {
  #rest = "";
  #id: string | null = null;
  /** The id that was seen last, which holds for what comes without one. */
  get lastId(): string | null {
    return this.#id;
  }

  add(text: string): readonly ServerEvent[] {
    this.#rest += text;
    if (this.#rest.length > EVENT_CHARS_MAX) throw new ConnectionError("the server sent an event without an end", "unknown");
    const blocks = this.#rest.split(/\r\n\r\n|\n\n|\r\r/);
    this.#rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => this.#event(block));
  }

  #event(block: string): readonly ServerEvent[] {
    const data: string[] = [];
    let event = "message";
    for (const line of block.split(/\r\n|\n|\r/)) {
      const [, name, value = ""] = /^([^:]*):? ?([\s\S]*)$/.exec(line) ?? [];
      if (name === "data") data.push(value);
      else if (name === "event") event = value;
      else if (name === "id" && !value.includes("\0")) this.#id = value;
    }
    return data.length === 0 ? [] : [{ id: this.#id, event, data: data.join("\n") }];
  }
}

/** What an event says. Throws a `StreamError` where that is no object. */
export function dataOf({ data }: ServerEvent): object {
  const value = parsed(data);
  if (typeof value === "object" && value !== null) return value;
  throw new StreamError("bad_message", `the server sent what is no event: ${data.slice(0, 200)}`);
}

export interface Following {
  /** Opens the stream behind an event; `null` for its beginning. `undefined`: there is nothing more. */
  open(lastId: string | null): Promise<Response | undefined>;
  /** Whether nothing comes after this event. */
  isLast(event: ServerEvent): boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Events of a stream, over cuts: each once, in order. */
export async function* follow(transport: Transport, following: Following): AsyncGenerator<ServerEvent, void, undefined> {
  const { signal } = following;
  let lastId: string | null = null;
  let retry = new Retry(transport.settings.retryForMs, transport.hasAnswered);
  for (;;) {
    const before: string | null = lastId;
    let openedAtMs = Number.POSITIVE_INFINITY;
    let failure: unknown;
    try {
      const response = await following.open(lastId);
      openedAtMs = performance.now();
      if (response?.body === undefined || response.body === null) return;
      const cutter = new EventCutter();
      for await (const text of textOfBody(response.body, signal, transport.settings.url)) {
        for (const event of cutter.add(text)) {
          lastId = event.id ?? lastId;
          yield event;
          if (following.isLast(event)) return;
        }
        lastId = cutter.lastId ?? lastId;
      }
      failure = new ConnectionError("The stream of events ended before its last event.", "unknown");
    } catch (error) {
      failure = error;
    }
    if (signal?.aborted === true) throw reasonOf(signal);
    if (!(failure instanceof CapsuledError)) throw failure;
    if (lastId !== before || performance.now() - openedAtMs > LIVED_MS) retry = new Retry(transport.settings.retryForMs, true);
    const wait = retry.next(failure, true);
    if (wait === null) throw failure;
    if (isConnectionTrouble(failure)) transport.connection(false);
    await sleep(wait, signal);
  }
}

/** A body's text as it comes; ends with an error where the connection breaks or falls silent. */
async function* textOfBody(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
  url: string,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const silent = new Promise<never>((_, failed) => {
        timer = setTimeout(() => failed(new ConnectionError(`${url} has sent nothing for ${SILENT_MS} ms`, "unknown")), SILENT_MS);
      });
      let part;
      try {
        part = await Promise.race([reader.read(), silent]);
      } catch (error) {
        if (signal?.aborted === true) throw reasonOf(signal);
        throw connectionFailure(error, url);
      } finally {
        clearTimeout(timer);
      }
      if (part.done) return;
      yield decoder.decode(part.value, { stream: true });
    }
  } finally {
    // A broken body has nothing to cancel.
    await reader.cancel().catch(() => {});
  }
}
