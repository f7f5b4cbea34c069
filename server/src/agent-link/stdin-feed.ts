import type { AgentConnection } from "./connection.ts";
import { encodeBytes, FRAME } from "./frame.ts";

/** Bytes of stdin that may be on their way, not yet taken by the child: the agent's queue. */
export const STDIN_WINDOW_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

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

  /** Sends what fits; call it at the start and with each `stdin_room`. */
  advance(taken: number): void {
    this.#inFlight -= taken;
    while (this.#at < this.#bytes.length && this.#inFlight < STDIN_WINDOW_BYTES) {
      const room = Math.min(PIECE_BYTES, STDIN_WINDOW_BYTES - this.#inFlight);
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
