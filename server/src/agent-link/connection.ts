import type { Duplex } from "node:stream";
import { AgentLostError } from "../core/ports/agent-link.ts";
import { giveBack, markPassing } from "../lib/passing-bytes.ts";
import { encodeHeader, encodeJson, FrameParser, ProtocolError } from "./frame.ts";

/** What an operation under way wants to hear of its connection. */
export interface OperationListener {
  frame(type: number, payload: Buffer): void;
  /** Whether it needs no payload any more that it was given: their memory is used again. */
  readonly hasDone?: boolean;
  /** The connection has ended in the middle of the operation. Called at most once, and nothing after it. */
  lost(error: AgentLostError): void;
}

/** One connection to an agent: at most one operation at a time, one after the other. */
export class AgentConnection {
  readonly #socket: Duplex;
  readonly #parser = new FrameParser();
  #listener: OperationListener | null = null;
  #ended = false;
  #reads = 0;
  #taker: ((socket: Duplex) => void) | null = null;
  readonly #onFrame: (type: number, payload: Buffer) => void;
  /** Told once, when it can no longer be used. */
  onEnd: (() => void) | null = null;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#onFrame = (type, payload) => {
      if (this.#ended) return;
      if (this.#listener === null) throw new ProtocolError("a frame outside of any operation");
      this.#listener.frame(type, payload);
    };
    socket.on("data", this.#onData);
    socket.on("error", (error) => this.end(error));
    socket.on("close", () => this.end(null));
    socket.on("end", this.#onEndOfInput);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#reads += 1;
    try {
      const listener = this.#listener;
      if (this.#parser.inParts) markPassing(chunk);
      this.#parser.push(chunk, this.#onFrame);
      if (listener?.hasDone === true && listener === this.#listener) this.#release(chunk);
      if (this.#taker !== null) this.#handOver(this.#taker);
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  };

  /** Of a chunk of which nothing is needed any more. */
  #release(chunk: Buffer): void {
    this.#parser.release();
    markPassing(chunk);
    giveBack(chunk);
  }

  readonly #onEndOfInput = (): void => this.end(null);

  /**
   * After the last frame of an operation behind which bytes go through unchanged: gives the byte pipe away, with what has come of
   * them. It still is the pool's to close. Call it while that frame is handled.
   */
  takeOver(taker: (socket: Duplex) => void): void {
    this.#listener = null;
    this.#taker = taker;
    this.#parser.stop();
  }

  #handOver(taker: (socket: Duplex) => void): void {
    this.#taker = null;
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEndOfInput);
    this.#socket.pause();
    // Each way ends by itself, as it does at the port.
    this.#socket.allowHalfOpen = true;
    if (this.#parser.rest.length > 0) this.#socket.unshift(this.#parser.rest);
    taker(this.#socket);
  }

  get usable(): boolean {
    return !this.#ended;
  }

  /** How often something has come. */
  get reads(): number {
    return this.#reads;
  }

  /** Takes the connection for an operation; `false`, and `lost` is told, when it has ended meanwhile. */
  begin(listener: OperationListener): boolean {
    if (this.#ended) {
      listener.lost(new AgentLostError("the connection to the agent ended before the operation"));
      return false;
    }
    this.#listener = listener;
    return true;
  }

  /** The operation's last frame was read: the connection is free. */
  finish(): void {
    this.#listener = null;
    this.#parser.trim();
  }

  sendJson(type: number, value: unknown): void {
    this.#write(encodeJson(type, value));
  }

  sendFrame(frame: Buffer): void {
    this.#write(frame);
  }

  /** Sends bytes as a frame without copying them; `sent` is told once they are not needed any more, and nothing where that never is. */
  sendBytes(type: number, bytes: Uint8Array, sent: () => void): void {
    const socket = this.#socket;
    if (this.#ended) return;
    socket.cork();
    socket.write(encodeHeader(type, bytes.length));
    socket.write(bytes, (error) => {
      if (error === null || error === undefined) sent();
    });
    socket.uncork();
  }

  /** From here on `bytes` frames come in parts, whose memory is the listener's to give back. */
  takeParts(): void {
    this.#parser.inParts = true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes it; an operation under way hears `lost`. */
  end(cause: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    const listener = this.#listener;
    this.#listener = null;
    this.#socket.destroy();
    listener?.lost(
      new AgentLostError(cause === null ? "the agent closed the connection" : `the connection to the agent failed: ${cause.message}`, {
        cause,
      }),
    );
    this.onEnd?.();
  }

  /** Closes it without a word to the operation under way. */
  detach(): void {
    this.#listener = null;
    this.end(null);
  }

  #write(frame: Buffer): void {
    if (!this.#ended) this.#socket.write(frame);
  }
}
