import type { ServerResponse } from "node:http";
import { fail } from "../core/fail.ts";
import type { BodySink } from "./answer.ts";

/** Bounds of answers that are written piece by piece; tests make them small. */
export interface StreamLimits {
  /** Event streams open at once on this server. */
  readonly eventStreamsMax: number;
  /** Streams of runs open at once on this server. */
  readonly runStreamsMax: number;
  /** Milliseconds without an event after which a comment is sent. */
  readonly keepAliveMs: number;
  /** Milliseconds that a client may take nothing while something waits for it. */
  readonly stallMs: number;
}

export const STREAM_LIMITS: StreamLimits = { eventStreamsMax: 1000, runStreamsMax: 10_000, keepAliveMs: 15_000, stallMs: 30_000 };

/** What is left to close when a key is revoked or the server stops. */
export class OpenStreams {
  readonly #max: number;
  readonly #open = new Map<() => void, string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a place for as long as the returned function is not called. Throws `unavailable` when there is none. */
  enter(keyId: string, end: () => void): () => void {
    if (this.#open.size >= this.#max) throw fail("unavailable", "The server has as many open streams as it takes.");
    this.#open.set(end, keyId);
    return () => this.#open.delete(end);
  }

  get size(): number {
    return this.#open.size;
  }

  revoke(keyId: string): void {
    for (const [end, used] of this.#open) if (used === keyId) end();
  }

  closeAll(): void {
    for (const end of this.#open.keys()) end();
  }
}

/** Writes to a response at the client's pace. */
export class ResponseSink implements BodySink {
  readonly #response: ServerResponse;
  readonly #stallMs: number;

  constructor(response: ServerResponse, stallMs: number) {
    this.#response = response;
    this.#stallMs = stallMs;
  }

  async send(chunk: string | Uint8Array): Promise<boolean> {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return false;
    if (response.write(chunk)) return true;
    return new Promise((resolve) => {
      const over = (isRoom: boolean): void => {
        clearTimeout(stall);
        response.off("drain", drained);
        response.off("close", closed);
        resolve(isRoom);
      };
      const drained = (): void => over(true);
      const closed = (): void => over(false);
      const stall = setTimeout(() => {
        response.destroy();
        over(false);
      }, this.#stallMs);
      response.once("drain", drained);
      response.once("close", closed);
    });
  }

  onClose(listener: () => void): void {
    if (this.#response.destroyed) listener();
    else this.#response.once("close", listener);
  }
}
