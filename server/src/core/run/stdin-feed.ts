import type { ProcessStream } from "../ports/agent-link.ts";

/** Bytes that may be on their way and not yet taken by the process: the agent's queue. */
const WINDOW_BYTES = 1024 * 1024;

/** Gives a process its whole standard input and closes it, within the agent's window. */
export class StdinFeed {
  readonly #stream: Pick<ProcessStream, "sendStdin" | "closeStdin">;
  readonly #bytes: Uint8Array;
  #at = 0;
  #inFlight = 0;
  #isClosed = false;

  constructor(stream: Pick<ProcessStream, "sendStdin" | "closeStdin">, bytes: Uint8Array) {
    this.#stream = stream;
    this.#bytes = bytes;
  }

  /** Sends what fits; at the start, and when the process has taken `taken` bytes. */
  advance(taken: number): void {
    this.#inFlight = Math.max(0, this.#inFlight - taken);
    const piece = this.#bytes.subarray(this.#at, this.#at + WINDOW_BYTES - this.#inFlight);
    if (piece.length > 0) this.#stream.sendStdin(piece);
    this.#at += piece.length;
    this.#inFlight += piece.length;
    if (this.#at < this.#bytes.length || this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.closeStdin();
  }
}
