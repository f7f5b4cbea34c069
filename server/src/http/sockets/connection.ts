import type { StreamErrorCode } from "@capsuled/contract";
import { CLOSE_CODES } from "@capsuled/contract";
import type { WebSocket } from "ws";
import type { SocketLimits } from "./limits.ts";
import { renderError } from "./messages.ts";
import type { OutboundOutput } from "./outbound.ts";
import { Outbound } from "./outbound.ts";

/** The server's end of one open WebSocket: what is sent waits its turn, and a peer that takes nothing is let go. */
export class SocketConnection {
  readonly #socket: WebSocket;
  readonly #limits: SocketLimits;
  readonly #outbound: Outbound;
  /** Called when output may flow again after `isFull`. */
  onRoom: (() => void) | null = null;
  /** How the protocol of this socket writes an error after which nothing comes; `fatal` is false for one that ends nothing. */
  renderError: (code: StreamErrorCode, text: string, fatal: boolean) => string = renderError;
  #isReading = true;
  #closing: { readonly code: number; readonly reason: string } | null = null;
  #hasLagged = false;
  #lastProgress = performance.now();
  #stall: NodeJS.Timeout | null = null;
  #closeTimer: NodeJS.Timeout | null = null;
  #pingsMissed = 0;

  constructor(socket: WebSocket, limits: SocketLimits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#outbound = new Outbound(
      limits,
      (message, done) => this.#write(message, done),
      () => this.onRoom?.(),
      () => this.#closeWhenEmpty(),
    );
    socket.on("pong", () => {
      this.#pingsMissed = 0;
    });
    socket.once("close", () => this.#stopTimers());
  }

  /** Whether the peer has been told that it is over, or is about to be: what it has still sent is nobody's. */
  get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** Whether output is to stop until `onRoom`. */
  get isFull(): boolean {
    const isFull = this.#outbound.isFull;
    if (isFull) this.#hasLagged = true;
    return isFull;
  }

  /** A buffer goes as a binary frame. */
  send(message: string | Buffer): void {
    if (this.#closing === null) this.#outbound.pushMessage(message);
  }

  sendError(code: StreamErrorCode, text: string): void {
    this.send(this.renderError(code, text, false));
  }

  /** An error that is the last message, and the close. */
  fail(code: StreamErrorCode, text: string, closeCode: number, reason: string): void {
    this.send(this.renderError(code, text, true));
    this.finish(closeCode, reason);
  }

  /** Leaves what the peer sends unread, so that it has to wait, or reads on. */
  read(isReading: boolean): void {
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    this.#pingsMissed = 0;
    if (isReading) this.#socket.resume();
    else this.#socket.pause();
  }

  sendOutput(output: OutboundOutput): void {
    if (this.#closing === null) this.#outbound.pushOutput(output);
  }

  /** Closes once everything sent so far is on its way. Later sends are dropped. */
  finish(code: number, reason: string): void {
    if (this.#closing !== null) return;
    this.#closing = { code, reason };
    this.#closeWhenEmpty();
  }

  /** Drops what waits and closes now, with an error message before the close where one is given. */
  abort(code: number, reason: string, error: { readonly code: StreamErrorCode; readonly text: string } | null = null): void {
    if (this.#closeTimer !== null) return;
    // Who takes nothing learns why only once they do: the error stands behind what the socket holds.
    const graceMs = error !== null && !this.#outbound.isEmpty ? this.#limits.laggardCloseMs : this.#limits.closeMs;
    this.#outbound.clear();
    this.#closing = { code, reason };
    if (error !== null) this.#socket.send(this.renderError(error.code, error.text, true), ignoreFailure);
    this.#startClose(graceMs);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** One beat of the server's pulse: a peer that has neither answered two pings nor taken anything is dead. */
  beat(): void {
    const hasProgressed = performance.now() - this.#lastProgress < this.#limits.pingMs;
    if (this.#pingsMissed >= 2 && !hasProgressed) {
      this.#socket.terminate();
      return;
    }
    // The pongs of a peer that is not read are not read either.
    if (!this.#isReading) return;
    this.#pingsMissed = hasProgressed && !this.#outbound.isEmpty ? 0 : this.#pingsMissed + 1;
    this.#socket.ping("", false, ignoreFailure);
  }

  #write(message: string | Buffer, done: () => void): void {
    this.#lastProgress = performance.now();
    if (this.#stall === null) this.#watchForStall(this.#limits.stallMs);
    this.#socket.send(message, (error) => {
      // A broken connection ends by its `close` event; what waits then goes nowhere.
      if (error !== undefined && error !== null) return;
      this.#lastProgress = performance.now();
      done();
    });
  }

  /** One timer for the whole connection, looked at when it fires, since moving it with each message costs more. */
  #watchForStall(afterMs: number): void {
    this.#stall = setTimeout(() => {
      this.#stall = null;
      if (this.#outbound.isEmpty) return;
      const idleMs = performance.now() - this.#lastProgress;
      if (idleMs < this.#limits.stallMs) return this.#watchForStall(Math.max(1, this.#limits.stallMs - idleMs));
      this.abort(CLOSE_CODES.slow_consumer, "slow consumer", {
        code: "slow_consumer",
        text: "Output was not read for too long. Attach again from the last seq.",
      });
    }, afterMs);
  }

  #closeWhenEmpty(): void {
    if (this.#closing !== null && this.#closeTimer === null && this.#outbound.isEmpty) {
      this.#startClose(this.#hasLagged ? this.#limits.laggardCloseMs : this.#limits.closeMs);
    }
  }

  #startClose(graceMs: number): void {
    const closing = this.#closing;
    if (closing === null) return;
    // The peer's answer to the close has to be read.
    this.read(true);
    this.#closeTimer = setTimeout(() => this.#socket.terminate(), graceMs);
    this.#socket.close(closing.code, closing.reason);
  }

  #stopTimers(): void {
    if (this.#stall !== null) clearTimeout(this.#stall);
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#outbound.clear();
  }
}

function ignoreFailure(): void {
  // The connection's own `close` event tells.
}
