import type { GivenInput, ProcessStream } from "../ports/agent-link.ts";

/** Bytes that may be on their way and not yet taken by the process: the agent's queue. */
const WINDOW_BYTES = 1024 * 1024;

const NOTHING_GIVEN: GivenInput = { bytes: 0, queued: 0, closed: false };

/** The feed of a process that takes `bytes`; `null` where it takes none, or it cannot be known what an earlier start has given it. */
export function feedOf(stream: ProcessStream, bytes: Uint8Array | null | undefined, isNew: boolean): StdinFeed | null {
  const { stdin } = stream.started;
  if (bytes === null || bytes === undefined || (stdin === undefined && !isNew)) return null;
  return new StdinFeed(stream, bytes, stdin);
}

/** Gives a process its whole standard input and closes it, within the agent's window. What came before, from whomever, is not given again. */
export class StdinFeed {
  readonly #stream: Pick<ProcessStream, "sendStdin" | "closeStdin">;
  readonly #bytes: Uint8Array;
  #at: number;
  #inFlight: number;
  #isClosed: boolean;

  constructor(stream: Pick<ProcessStream, "sendStdin" | "closeStdin">, bytes: Uint8Array, given: GivenInput = NOTHING_GIVEN) {
    this.#stream = stream;
    this.#bytes = bytes;
    this.#at = Math.min(given.bytes, bytes.length);
    this.#inFlight = given.queued;
    this.#isClosed = given.closed;
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
