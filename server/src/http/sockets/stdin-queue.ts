import type { ClientMessage } from "@capsuled/contract";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import { stdinBytes } from "./client-messages.ts";
import type { SocketConnection } from "./connection.ts";
import { renderStdinAck } from "./messages.ts";

export type StdinMessage = Extract<ClientMessage, { type: "stdin" | "stdin_close" }>;

/** What a client writes to a process, bounded by what the process has not taken yet. */
export class StdinQueue {
  readonly #stream: ProcessStream;
  readonly #connection: Pick<SocketConnection, "send">;
  readonly #bytesMax: number;
  #untaken = 0;
  /** Bytes that the process has taken in all, whoever sent them. */
  #taken: number;
  #isClosed = false;
  /** The client says where its bytes belong, and is told how far they are taken. */
  #isPlaced = false;

  constructor(stream: ProcessStream, connection: Pick<SocketConnection, "send">, bytesMax: number) {
    this.#stream = stream;
    this.#connection = connection;
    this.#bytesMax = bytesMax;
    const given = stream.started.stdin;
    this.#taken = given === undefined ? 0 : given.bytes - given.queued;
  }

  /** `full`: the message was dropped, nothing else was. `unplaced`: it says an offset, which the capsule's agent does not know. */
  feed(message: StdinMessage): "taken" | "full" | "closed" | "malformed" | "unplaced" {
    if (message.offset !== undefined) return this.#place(message, message.offset);
    if (this.#isClosed) return "closed";
    if (message.type === "stdin_close") {
      this.#isClosed = true;
      this.#stream.closeStdin();
      return "taken";
    }
    const bytes = stdinBytes(message.data, message.encoding);
    if (bytes === null) return "malformed";
    if (this.#untaken + bytes.length > this.#bytesMax) return "full";
    this.#untaken += bytes.length;
    if (bytes.length > 0) this.#stream.sendStdin(bytes);
    return "taken";
  }

  /** The process took this many bytes of this client's, and `taken` of everybody's. */
  taken(bytes: number, taken: number | undefined): void {
    this.#untaken = Math.max(0, this.#untaken - bytes);
    if (taken === undefined) return;
    this.#taken = Math.max(this.#taken, taken);
    if (this.#isPlaced) this.#connection.send(renderStdinAck(this.#taken));
  }

  /** What came before is known by its place, so it does no harm that it comes again, its end included. */
  #place(message: StdinMessage, offset: number): "taken" | "full" | "malformed" | "unplaced" {
    if (this.#stream.started.stdin?.isPlaced !== true) return "unplaced";
    this.#isPlaced = true;
    if (message.type === "stdin_close") {
      this.#stream.closeStdin(offset);
      return "taken";
    }
    const bytes = stdinBytes(message.data, message.encoding);
    if (bytes === null) return "malformed";
    if (offset + bytes.length - this.#taken > this.#bytesMax) return "full";
    // Without bytes it asks how far the process is.
    this.#stream.sendStdin(bytes, offset);
    return "taken";
  }
}
