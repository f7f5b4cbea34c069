import { killProcess } from "../commands/kill-process.ts";
import { StreamError } from "../errors.ts";
import { toBase64, utf8 } from "../transport/bytes.ts";
import { Reconnecting } from "../transport/reconnecting.ts";
import { sleep } from "../transport/timing.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";
import type { TerminalMessage, TerminalSource } from "./terminal-feed.ts";
import { TerminalFeed } from "./terminal-feed.ts";

/** Bytes of keys in one message, and those that may wait to be sent. */
const INPUT_MESSAGE_BYTES = 64 * 1024;
const INPUT_WAITING_BYTES = 512 * 1024;
const POLL_MS = 5;

/** The terminal is there. */
export interface TerminalStartedEvent {
  readonly type: "started";
  readonly tag: string;
  readonly id: string;
  readonly pid: number;
  readonly cols: number;
  readonly rows: number;
}

/** What it shows. */
export interface TerminalOutputEvent {
  readonly type: "output";
  readonly bytes: Uint8Array;
  /** Bytes just before these that are not kept any more; 0 as a rule. */
  readonly gap_bytes: number;
  /** Number of the record that ends with these bytes, where one does. */
  readonly seq: number | undefined;
}

/** Its program has ended. The last event. */
export type TerminalExitEvent = TerminalMessage<"exit">;

export type TerminalEvent = TerminalStartedEvent | TerminalOutputEvent | TerminalExitEvent;

/** What concerns the connection to a terminal, and not the terminal. */
export interface TerminalCallOptions extends Pick<CallOptions, "signal"> {
  /** Hears `false` when the connection is gone and another is made, and `true` when that is there; perhaps `false` several times. */
  readonly onConnection?: ((isConnected: boolean) => void) | undefined;
}

/**
 * An open terminal. Iterate over it for what it shows; it reconnects by itself, and shows every byte once. Leaving the iteration
 * detaches: the terminal goes on, until `kill`.
 */
export class Terminal implements AsyncIterableIterator<TerminalEvent>, AsyncDisposable {
  readonly #transport: Transport;
  readonly #capsuleId: string;
  readonly #feed: TerminalFeed;
  readonly #connection: Reconnecting;
  #events: TerminalEvent[] = [];
  #wake: (() => void)[] = [];
  #started: TerminalStartedEvent | null = null;
  #exit: TerminalExitEvent | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;

  constructor(transport: Transport, capsuleId: string, source: TerminalSource, options: TerminalCallOptions) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
    this.#feed = new TerminalFeed(transport, capsuleId, source, {
      started: ({ tag, id, pid, cols, rows }) => {
        this.#started = { type: "started", tag, id, pid, cols, rows };
        this.#push(this.#started);
      },
      output: (bytes, gap_bytes, seq) => this.#push({ type: "output", bytes, gap_bytes, seq }),
      exit: (message) => {
        this.#exit = message;
        this.#push(message);
      },
    });
    this.#connection = new Reconnecting(transport, this.#feed, options.signal, undefined, options.onConnection);
    void this.#run();
  }

  /** Resolves with its tag, id and size, once it is there. */
  get started(): Promise<TerminalStartedEvent> {
    return this.#until(() => this.#started ?? undefined);
  }

  /** Resolves with the end of its program, when that has come; what is shown must be taken meanwhile, or there is `detach`. */
  get exited(): Promise<TerminalExitEvent> {
    return this.#until(() => this.#exit ?? undefined);
  }

  async next(): Promise<IteratorResult<TerminalEvent, undefined>> {
    const event = await this.#until(() => this.#events.shift() ?? (this.#isOver && this.#failure === null ? null : undefined));
    if (event === null) return { done: true, value: undefined };
    if (event.type === "output") this.#feed.drained(event.bytes.length);
    return { done: false, value: event };
  }

  async return(): Promise<IteratorResult<TerminalEvent, undefined>> {
    this.detach();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Leaves the terminal without ending it. */
  detach(): void {
    this.#isOver = true;
    this.#events = [];
    this.#feed.makeRoom();
    this.#connection.stop();
    this.#woken();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.detach();
  }

  /** Types. While the connection is cut it waits for the next one; what was on its way in a cut connection may not have come. */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? utf8(data) : data;
    for (let from = 0; from < bytes.length; from += INPUT_MESSAGE_BYTES) {
      await this.#send({ type: "input", data: toBase64(bytes.subarray(from, from + INPUT_MESSAGE_BYTES)) });
    }
  }

  /** Changes the size; the program hears of it. */
  async resize(cols: number, rows: number): Promise<void> {
    await this.#send({ type: "resize", cols, rows });
  }

  /** Ends everything that runs in it. */
  async kill(): Promise<void> {
    const { id } = await this.started;
    await killProcess(this.#transport, this.#capsuleId, id, "SIGKILL");
  }

  async #run(): Promise<void> {
    try {
      await this.#connection.run();
    } catch (error) {
      this.#failure = { error };
    }
    this.#isOver = true;
    this.#woken();
  }

  async #send(message: object): Promise<void> {
    await this.started;
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver || this.#exit !== null) throw new StreamError("terminal_ended", "The terminal's program has ended, or it was left.");
      const { socket } = this.#connection;
      if (socket !== null && socket.isOpen && socket.bufferedBytes <= INPUT_WAITING_BYTES) return socket.send(message);
      await sleep(POLL_MS);
    }
  }

  async #until<T>(ask: () => T | undefined): Promise<T> {
    for (;;) {
      const found = ask();
      if (found !== undefined) return found;
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver) throw new StreamError("terminal_ended", "The terminal was left before that.");
      await new Promise<void>((done) => this.#wake.push(done));
    }
  }

  #push(event: TerminalEvent): void {
    this.#events.push(event);
    this.#woken();
  }

  #woken(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
