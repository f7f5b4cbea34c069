import type { ServerResponse } from "node:http";
import { giveBack } from "../lib/passing-bytes.ts";
import type { BodySink, BodyStream } from "./answer.ts";
import type { HeldAnswer, HeldAnswers } from "./held-answers.ts";
import type { StreamPlaces } from "./open-streams.ts";

/** Bounds of answers that are written piece by piece; tests make them small. */
export interface StreamLimits {
  /** Event streams open at once on this server, and of one team. */
  readonly eventStreams: StreamPlaces;
  /** Streams of runs open at once on this server, and of whom. */
  readonly runStreams: StreamPlaces;
  /** Milliseconds without an event after which a comment is sent. */
  readonly keepAliveMs: number;
  /** Milliseconds that a client may take nothing while something waits for it. */
  readonly stallMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  eventStreams: { all: 1000, anonymous: 0, team: 500, address: 0 },
  runStreams: { all: 10_000, anonymous: 5000, team: 5000, address: 500 },
  keepAliveMs: 15_000,
  stallMs: 30_000,
};

/** Bytes of one write of a body that is there as a whole. */
const PIECE_BYTES = 64 * 1024;

/** A body that is there as a whole, written at the client's pace. */
export function wholeBody(parts: readonly Uint8Array[]): BodyStream {
  return {
    cancel() {},
    async write(sink) {
      sink.hold(parts.reduce((sum, { length }) => sum + length, 0));
      for (const part of parts) {
        for (let at = 0; at < part.length; at += PIECE_BYTES) if (!(await sink.send(part.subarray(at, at + PIECE_BYTES)))) return;
      }
    },
  };
}

/** Writes to a response at the client's pace. */
export class ResponseSink implements BodySink, HeldAnswer {
  readonly #response: ServerResponse;
  readonly #stallMs: number;
  readonly #held: HeldAnswers;
  taken = 0;

  constructor(response: ServerResponse, stallMs: number, held: HeldAnswers) {
    this.#response = response;
    this.#stallMs = stallMs;
    this.#held = held;
  }

  async send(chunk: string | Uint8Array, sent?: () => void): Promise<boolean> {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return false;
    // Memory that is given back has no length any more.
    const { length } = chunk;
    const gone = (error: Error | null | undefined): void => {
      if (error === null || error === undefined) sent?.();
    };
    if (response.write(chunk, sent === undefined ? undefined : gone) || (await this.#drained())) {
      this.taken += length;
      return true;
    }
    return false;
  }

  pass(bytes: Uint8Array): Promise<boolean> {
    return this.send(bytes, () => giveBack(bytes));
  }

  #drained(): Promise<boolean> {
    const response = this.#response;
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

  hold(bytes: number): void {
    this.#held.hold(this, bytes);
  }

  breakOff(): void {
    this.#response.destroy();
  }

  setTrailers(trailers: Readonly<Record<string, string>>): void {
    this.#response.addTrailers(trailers);
  }

  onClose(listener: () => void): void {
    if (this.#response.destroyed) listener();
    else this.#response.once("close", listener);
  }
}
