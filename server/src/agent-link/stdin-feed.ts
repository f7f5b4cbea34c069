import type { AgentConnection } from "./connection.ts";
import { encodeBytes, FRAME, ProtocolError } from "./frame.ts";

/** Bytes of stdin that may be on their way, not yet taken by the child: the agent's queue. */
export const STDIN_WINDOW_BYTES = 1024 * 1024;
/** Bytes of one `stdin` frame. */
export const STDIN_PIECE_BYTES = 64 * 1024;

/** Sends a whole text to a process's stdin and closes it, within the agent's window. */
export class StdinFeed {
  readonly #connection: AgentConnection;
  readonly #bytes: Uint8Array;
  #at = 0;
  #inFlight = 0;
  #closed = false;

  constructor(connection: AgentConnection, bytes: Uint8Array) {
    this.#connection = connection;
    this.#bytes = bytes;
  }

  /** Sends what fits; call it at the start and with each `stdin_room`. Throws `ProtocolError` for room that was never used. */
  advance(taken: number): void {
    if (taken > this.#inFlight) throw new ProtocolError(`${taken} bytes of stdin taken, ${this.#inFlight} sent`);
    this.#inFlight -= taken;
    while (this.#at < this.#bytes.length && this.#inFlight < STDIN_WINDOW_BYTES) {
      const room = Math.min(STDIN_PIECE_BYTES, STDIN_WINDOW_BYTES - this.#inFlight);
      const piece = this.#bytes.subarray(this.#at, this.#at + room);
      this.#connection.sendFrame(encodeBytes(FRAME.stdin, piece));
      this.#at += piece.length;
      this.#inFlight += piece.length;
    }
    if (this.#at === this.#bytes.length && !this.#closed) {
      this.#closed = true;
      this.#connection.sendFrame(encodeBytes(FRAME.stdin_close, new Uint8Array(0)));
    }
  }
}
