import type { ProcessStream } from "../../core/ports/agent-link.ts";
import type { SocketConnection } from "./connection.ts";

export interface TerminalInputLimits {
  readonly inputWindowBytes: number;
  readonly inputQueueBytes: number;
}

/**
 * What one viewer types: nothing is dropped and nothing overtakes. The terminal is given a window's worth at a time, the rest waits
 * here, and when much waits the viewer's socket is not read.
 */
export class TerminalInput {
  readonly #stream: ProcessStream;
  readonly #connection: Pick<SocketConnection, "read">;
  readonly #limits: TerminalInputLimits;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #untaken = 0;

  constructor(stream: ProcessStream, connection: Pick<SocketConnection, "read">, limits: TerminalInputLimits) {
    this.#stream = stream;
    this.#connection = connection;
    this.#limits = limits;
  }

  type(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#send();
    if (this.#waitingBytes > this.#limits.inputQueueBytes) this.#connection.read(false);
  }

  /** The terminal took this many bytes. */
  taken(bytes: number): void {
    this.#untaken = Math.max(0, this.#untaken - bytes);
    this.#send();
    if (this.#waitingBytes <= this.#limits.inputQueueBytes / 2) this.#connection.read(true);
  }

  #send(): void {
    for (let room = this.#limits.inputWindowBytes - this.#untaken; room > 0; room = this.#limits.inputWindowBytes - this.#untaken) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const piece = next.subarray(0, room);
      if (piece.length === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(room);
      this.#waitingBytes -= piece.length;
      this.#untaken += piece.length;
      this.#stream.sendStdin(piece);
    }
  }
}
