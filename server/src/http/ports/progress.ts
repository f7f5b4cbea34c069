import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Socket } from "node:net";
import type { PortLimits } from "./limits.ts";

/** What an exchange with a port waits for. */
export type Stall = "answer" | "body";

/** Sees whether bytes move between a client and a port. */
export class Progress {
  readonly #sockets: readonly (Duplex | null)[];
  #moved = -1;
  #since = 0;

  constructor(client: Duplex, capsule: Duplex) {
    this.#sockets = [client, capsule];
  }

  /** Milliseconds since the last byte that either side gave or took, as far as the looks at it tell. */
  stillFor(now: number): number {
    const moved = this.#sockets.reduce((sum, socket) => sum + bytesOf(socket), 0);
    if (moved !== this.#moved) {
      this.#moved = moved;
      this.#since = now;
    }
    return now - this.#since;
  }
}

/** Bytes that have come, and those that have been handed to the kernel. */
function bytesOf(socket: Duplex | null): number {
  return socket instanceof Socket ? socket.bytesRead + socket.bytesWritten - socket.writableLength : 0;
}

/** What an exchange that has stood still for so long waits for in vain; `null` where it may go on waiting. An open answer without news is well. */
export function stallOf(request: IncomingMessage, response: ServerResponse, stillMs: number, limits: PortLimits): Stall | null {
  const isInBody = !request.complete || (response.headersSent && response.writableLength > 0);
  if (isInBody) return stillMs >= limits.stallMs ? "body" : null;
  return !response.headersSent && stillMs >= limits.answerMs ? "answer" : null;
}
