import type { AgentConnection, OperationListener } from "./connection.ts";
import { FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";

/** What the last frame of a stream says; `received` bytes have come. Throws `ProtocolError`. */
export type ReadEnd<End> = (payload: Buffer, received: number) => End;

/** Bytes that wait to be asked for before the connection is paused; one read of it may come on top. */
export const WAITING_BYTES_MAX = 256 * 1024;

/** Bytes as they are asked for: the connection is paused while enough of them wait. */
export class ByteStream<End> implements OperationListener {
  readonly #connection: AgentConnection;
  readonly #readEnd: ReadEnd<End>;
  readonly #bytesMax: number;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  /** The connection is not its own any more. */
  #hasLeft = false;
  /** Whoever waits for the next bytes. */
  #wake: (() => void) | null = null;
  #received = 0;
  #last: End | null = null;
  #isOver = false;
  #failure: Error | null = null;
  readonly #leave: (connection: AgentConnection) => void;

  /** `leave` gets the connection back behind an end that went well. */
  constructor(connection: AgentConnection, readEnd: ReadEnd<End>, bytesMax: number, leave: (connection: AgentConnection) => void) {
    this.#leave = leave;
    this.#connection = connection;
    this.#readEnd = readEnd;
    this.#bytesMax = bytesMax;
  }

  /** Known once the last bytes were taken. */
  get end(): End | null {
    return this.#waiting.length === 0 ? this.#last : null;
  }

  /** The next bytes, without a promise where they have come; `null` after the last. Throws `AgentRefusal` and `AgentLostError`. */
  next(): Uint8Array | null | Promise<Uint8Array | null> {
    const bytes = this.#waiting.shift();
    if (bytes !== undefined) {
      this.#waitingBytes -= bytes.length;
      if (this.#isPaused && this.#waitingBytes < WAITING_BYTES_MAX) this.#resume();
      return bytes;
    }
    if (this.#failure !== null) throw this.#failure;
    if (this.#isOver) return null;
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    this.#resume();
    return woken.then(() => this.next());
  }

  close(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
    if (!this.#hasLeft) this.#connection.detach();
    this.#tell();
  }

  frame(type: number, payload: Buffer): void {
    switch (type) {
      case FRAME.bytes:
        this.#received += payload.length;
        if (this.#received > this.#bytesMax) throw new ProtocolError(`more than the ${this.#bytesMax} bytes that were told`);
        if (payload.length > 0) this.#waiting.push(payload);
        this.#waitingBytes += payload.length;
        if (this.#waitingBytes >= WAITING_BYTES_MAX) {
          this.#isPaused = true;
          this.#connection.pause();
        }
        return this.#tell();
      case FRAME.result:
        this.#last = this.#readEnd(payload, this.#received);
        return this.#finish(null);
      case FRAME.error:
        return this.#finish(readRefusal(payload));
      default:
        throw new ProtocolError(`frame 0x${type.toString(16)} among bytes`);
    }
  }

  lost(error: Error): void {
    this.#failure = error;
    this.#tell();
  }

  #resume(): void {
    this.#isPaused = false;
    if (!this.#hasLeft) this.#connection.resume();
  }

  #finish(failure: Error | null): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#hasLeft = true;
    if (failure === null) this.#leave(this.#connection);
    else this.#connection.detach();
    this.#tell();
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
