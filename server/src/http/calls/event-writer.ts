import { setImmediate } from "node:timers/promises";
import type { BodySink } from "../answer.ts";
import type { Place } from "./event-id.ts";
import { useAgain } from "./event-buffer.ts";
import { renderEventId } from "./event-id.ts";

/** Bytes of one write while little is written: what a client reads in one go, so that it sees whole events. */
const PIECE_BYTES_MAX = 16 * 1024;
/** Bytes of one write of an event that is larger than that. */
const LARGE_PIECE_BYTES = 64 * 1024;
/** More bytes than this within the time, and whole chunks are written. */
const BUSY = { bytes: 1024 * 1024, ms: 100 } as const;
const EVENT_END = "\n\n";

/** Writes events so that each write ends where an event does. */
export class EventWriter {
  readonly #sink: BodySink;
  #since = 0;
  #bytes = 0;

  constructor(sink: BodySink) {
    this.#sink = sink;
  }

  /** `false` once the client has gone. Memory of an `EventBuffer` is used again once it has gone out. */
  async send(events: string | Buffer): Promise<boolean> {
    const bytes = typeof events === "string" ? Buffer.from(events) : events;
    if (bytes.length === 0) return true;
    const sent = (): void => useAgain(bytes);
    if (bytes.length <= PIECE_BYTES_MAX || this.#isBusy(bytes.length)) return this.#sink.send(bytes, sent);
    const { length } = bytes;
    for (let from = 0; from < length;) {
      const to = endOfPiece(bytes, from);
      if (!(await this.#sink.send(bytes.subarray(from, to), to === length ? sent : undefined))) return false;
      from = to;
      // Two writes in one turn of the loop would reach the client as one.
      if (from < length) await setImmediate();
    }
    return true;
  }

  /** The event of a transformer's result, which may be large and is shared with others: it is not copied. */
  async sendTransformed(place: Place, json: Uint8Array): Promise<boolean> {
    const head = Buffer.from(`id: ${renderEventId(place)}\ndata: {"type":"transformed_output","data":`);
    const tail = Buffer.from("}\n\n");
    if (json.length <= PIECE_BYTES_MAX) return this.#sink.send(Buffer.concat([head, json, tail]));
    this.#sink.hold(json.length);
    for (const part of [head, json, tail]) {
      for (let at = 0; at < part.length; at += LARGE_PIECE_BYTES)
        if (!(await this.#sink.send(part.subarray(at, at + LARGE_PIECE_BYTES)))) return false;
    }
    return true;
  }

  #isBusy(bytes: number): boolean {
    const now = performance.now();
    if (now - this.#since > BUSY.ms) {
      this.#since = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    return this.#bytes > BUSY.bytes;
  }
}

/** The end of the last event that fits into a piece; of the first one where none does. */
function endOfPiece(bytes: Buffer, from: number): number {
  if (bytes.length - from <= PIECE_BYTES_MAX) return bytes.length;
  const last = bytes.subarray(from, from + PIECE_BYTES_MAX).lastIndexOf(EVENT_END);
  if (last !== -1) return from + last + EVENT_END.length;
  const first = bytes.indexOf(EVENT_END, from);
  return first === -1 ? bytes.length : first + EVENT_END.length;
}
