import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { tellsOfBody } from "./read-body.ts";

/** The bounds of one connection that this looks after, in milliseconds. */
export interface RequestTimeLimits {
  readonly requestMs: number;
  readonly uploadStallMs: number;
}

/**
 * How long requests may take to arrive. The HTTP server's own bound is one for all of them, which would be the size of the largest
 * file that can be sent; here an upload is bounded by its pauses instead.
 */
export class RequestTimes {
  readonly #limits: RequestTimeLimits;
  readonly #onLate: (socket: Socket) => void;
  readonly #timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

  /** `onLate` answers on the connection and closes it. */
  constructor(limits: RequestTimeLimits, onLate: (socket: Socket) => void) {
    this.#limits = limits;
    this.#onLate = onLate;
  }

  /** From the moment its headers have come. */
  watch(request: IncomingMessage): void {
    if (!tellsOfBody(request)) return;
    this.#arm(request, this.#limits.requestMs, () => this.#onLate(request.socket));
    const clear = (): void => clearTimeout(this.#timers.get(request));
    request.once("end", clear);
    request.once("close", clear);
  }

  /** Somebody else looks after it from here on; until it is watched again. */
  release(request: IncomingMessage): void {
    clearTimeout(this.#timers.get(request));
  }

  /** It may take as long as it likes, but not pause while it is waited for. */
  lift(request: IncomingMessage): void {
    if (!this.#timers.has(request)) return;
    clearTimeout(this.#timers.get(request));
    const look = (seen: number): void => {
      if (request.complete || request.destroyed) return;
      // What has come and waits is not the client's fault.
      const { bytesRead } = request.socket;
      if (bytesRead === seen && request.readableLength === 0) this.#onLate(request.socket);
      else this.#arm(request, this.#limits.uploadStallMs, () => look(bytesRead));
    };
    const { bytesRead } = request.socket;
    this.#arm(request, this.#limits.uploadStallMs, () => look(bytesRead));
  }

  #arm(request: IncomingMessage, ms: number, then: () => void): void {
    this.#timers.set(request, setTimeout(then, ms));
  }
}
