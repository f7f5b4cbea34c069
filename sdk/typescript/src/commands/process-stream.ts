import { CapsuledError, ConnectionError, StdinError } from "../errors.ts";
import { toBase64, utf8 } from "../transport/bytes.ts";
import { Reconnecting } from "../transport/reconnecting.ts";
import { sleep } from "../transport/timing.ts";
import type { Transport } from "../transport/transport.ts";
import type { KillSignal } from "./kill-process.ts";
import { abandonProcess, killProcess } from "./kill-process.ts";
import type { Message, ProcessEvent, StartEvent } from "./process-event.ts";
import { EventMaker } from "./process-event.ts";
import type { FeedSource } from "./process-feed.ts";
import { ProcessFeed } from "./process-feed.ts";
import { StdinJournal } from "./stdin-journal.ts";

/** To servers of before: bytes of standard input in one message, and those that may wait to be sent. */
const STDIN_MESSAGE_BYTES = 128 * 1024;
const STDIN_WAITING_BYTES = 512 * 1024;
const STDIN_POLL_MS = 5;

/**
 * A process's events, as they come: `start`, output, `exit`. Iterate over it once. It reconnects by itself and goes on behind the last
 * record, so nothing is lost and nothing comes twice; at the end the output is compared with the server's digests.
 *
 * Of a consumer that takes its time at most 4 MiB wait in memory.
 */
export class ProcessStream implements AsyncIterableIterator<ProcessEvent>, AsyncDisposable {
  readonly #transport: Transport;
  readonly #capsuleId: string;
  readonly #source: FeedSource;
  readonly #signal: AbortSignal | undefined;
  readonly #endsOnLeave: boolean;
  readonly #feed: ProcessFeed;
  readonly #connection: Reconnecting;
  readonly #maker: EventMaker;
  readonly #started: {
    readonly promise: Promise<StartEvent>;
    readonly resolve: (event: StartEvent) => void;
    readonly reject: (error: unknown) => void;
  };
  #waiting: (Message<"start"> | Message<"stdout" | "stderr" | "gap" | "exit">)[] = [];
  #made: ProcessEvent[] = [];
  #wake: (() => void)[] = [];
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;
  #hasEnded = false;
  #stdinError: StdinError | null = null;
  #stdinConnection = 0;
  readonly #stdin = new StdinJournal();
  #writing: Promise<void> = Promise.resolve();
  /** Wakes who waits to write more. */
  #stdinRoom: (() => void) | null = null;

  /** `endsOnLeave`: whether the process is killed when its consumer leaves before the end. */
  constructor(
    transport: Transport,
    capsuleId: string,
    source: FeedSource,
    options: { readonly signal?: AbortSignal | undefined; readonly endsOnLeave: boolean },
  ) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
    this.#source = source;
    this.#signal = options.signal;
    this.#endsOnLeave = options.endsOnLeave;
    this.#maker = new EventMaker("start" in source || source.from === "start" || source.from === 1);
    this.#started = settled();
    this.#feed = new ProcessFeed(transport, capsuleId, source, {
      started: (message) => {
        this.#started.resolve(startEvent(message));
        this.#push(message);
      },
      output: (message) => this.#push(message),
      stdinLost: (error) => (this.#stdinError ??= error),
      stdinOpen: (given) => {
        this.#stdin.begin(given);
        this.#sendStdin(true);
      },
      stdinTaken: (bytes) => {
        this.#stdin.ack(bytes);
        this.#sendStdin();
        this.#stdinRoom?.();
      },
      acknowledge: (seq) => {
        const { socket } = this.#connection;
        if (socket?.isOpen === true) socket.send({ type: "ack", seq });
      },
    });
    this.#feed.holdsStdin = "start" in source && source.start.stdin === true;
    this.#connection = new Reconnecting(transport, this.#feed, options.signal, () => this.#stdin.cut());
    void this.#run();
  }

  /** Resolves with the process's pid, id and tag, once it runs. */
  get started(): Promise<StartEvent> {
    return this.#started.promise;
  }

  async next(): Promise<IteratorResult<ProcessEvent, undefined>> {
    for (;;) {
      const made = this.#made.shift();
      if (made !== undefined) {
        if (made.type === "exit") this.#hasEnded = true;
        return { done: false, value: made };
      }
      const message = this.#waiting.shift();
      if (message !== undefined) {
        this.#made = message.type === "start" ? [startEvent(message)] : [...this.#maker.events(message)];
        if ("data" in message) this.#feed.drained(message.data.length, message.seq);
        continue;
      }
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver) return { done: true, value: undefined };
      await new Promise<void>((done) => this.#wake.push(done));
    }
  }

  /** Leaves the stream: a command that it started is ended, unless it was asked to go on. */
  async return(): Promise<IteratorResult<ProcessEvent, undefined>> {
    if (!this.#isOver) await this.#leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /**
   * Writes to the command's standard input; it was to be started with `stdin: true`. Resolves when at most 512 KiB wait for the command.
   * A connection that is cut meanwhile changes nothing: what had not come is sent again, once. Throws a `StdinError` where the command
   * has ended.
   */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? utf8(data) : data;
    await this.started;
    if (this.#feed.isStdinKept) return this.#inTurn(() => this.#writeKept(bytes));
    for (let from = 0; from < bytes.length; from += STDIN_MESSAGE_BYTES) {
      await this.#send({ type: "stdin", data: toBase64(bytes.subarray(from, from + STDIN_MESSAGE_BYTES)), encoding: "base64" });
    }
  }

  /** Ends the command's standard input. */
  async closeStdin(): Promise<void> {
    await this.started;
    if (this.#feed.isStdinKept) {
      await this.#inTurn(async () => {
        this.#stdin.close();
        this.#sendStdin();
      });
    } else await this.#send({ type: "stdin_close" });
    this.#feed.holdsStdin = false;
  }

  /** Asks the command to end: SIGTERM, and SIGKILL after 5 s. The events go on until its exit. */
  async stop(): Promise<void> {
    const { id } = await this.started;
    const socket = this.#connection.socket;
    if (socket?.isOpen === true) socket.send({ type: "stop" });
    else if (!this.#hasExit()) await killProcess(this.#transport, this.#capsuleId, id, "SIGTERM");
  }

  /** Signals the process's whole tree. */
  async kill(signal: KillSignal = "SIGKILL"): Promise<void> {
    const { id } = await this.started;
    await killProcess(this.#transport, this.#capsuleId, id, signal);
  }

  async #run(): Promise<void> {
    try {
      await this.#connection.run();
    } catch (error) {
      // Whatever that comes to, the stream has its end.
      if (this.#signal?.aborted === true) await this.#abandon().catch(() => {});
      // It may have been started by a connection whose answer never came.
      const source = this.#source;
      if ("start" in source && this.#feed.id === null && error instanceof ConnectionError && error.outcome === "unknown")
        error.leaveOpen(source.start.idempotency_key);
      this.#failure = { error };
      this.#started.reject(error);
    }
    this.#isOver = true;
    this.#started.reject(new CancelledStart());
    this.#woken();
    this.#stdinRoom?.();
  }

  #push(message: Message<"start"> | Message<"stdout" | "stderr" | "gap" | "exit">): void {
    this.#waiting.push(message);
    this.#woken();
  }

  #woken(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #leave(): Promise<void> {
    this.#feed.makeRoom();
    this.#connection.stop();
    await this.#abandon();
    this.#waiting = [];
    this.#made = [];
    this.#isOver = true;
    this.#woken();
    this.#stdinRoom?.();
  }

  async #abandon(): Promise<void> {
    // What was never asked for has not begun.
    if (!this.#endsOnLeave || this.#hasExit() || this.#connection.connections === 0) return;
    const selector = this.#feed.id ?? ("start" in this.#source ? this.#source.start.tag : this.#source.selector);
    await abandonProcess(this.#transport, this.#capsuleId, selector, this.#feed.id !== null);
  }

  #hasExit(): boolean {
    return this.#hasEnded || [...this.#waiting, ...this.#made].some(({ type }) => type === "exit");
  }

  /** Writes that are not awaited keep their order. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(act);
    this.#writing = turn.catch(() => {});
    return turn;
  }

  async #writeKept(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; ;) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver || this.#hasExit()) throw new StdinError("the command has ended");
      if (this.#stdin.isClosed) throw new StdinError("standard input is closed");
      rest = this.#stdin.append(rest);
      this.#sendStdin();
      if (rest.length === 0 && this.#stdin.hasRoom) return;
      if (!this.#stdin.hasRoom) await new Promise<void>((done) => (this.#stdinRoom = done));
    }
  }

  #sendStdin(isFirst = false): void {
    const { socket } = this.#connection;
    if (socket?.isOpen === true) for (const message of this.#stdin.messages(isFirst)) socket.send(message);
  }

  /** Sends a message about standard input over the socket that began it: with servers of before input does not survive its socket. */
  async #send(message: object): Promise<void> {
    await this.started;
    for (;;) {
      if (this.#stdinError !== null) throw this.#stdinError;
      if (this.#isOver || this.#hasExit()) throw new StdinError("the command has ended");
      const { socket, connections } = this.#connection;
      if (this.#stdinConnection === 0) this.#stdinConnection = connections;
      if (socket?.isOpen !== true || connections !== this.#stdinConnection) {
        this.#stdinError = new StdinError(
          "The connection was cut while standard input was open: what was written last may not have come, and no more can be written.",
        );
        continue;
      }
      if (socket.bufferedBytes <= STDIN_WAITING_BYTES) return socket.send(message);
      await sleep(STDIN_POLL_MS, this.#signal);
    }
  }
}

/** A consumer left before the command was known to run. */
class CancelledStart extends CapsuledError {
  readonly code = "left";

  constructor() {
    super("The stream was left before its command was known to run.");
  }
}

function startEvent({ pid, id, tag }: Message<"start">): StartEvent {
  return { type: "start", pid, id, tag };
}

function settled(): { promise: Promise<StartEvent>; resolve: (event: StartEvent) => void; reject: (error: unknown) => void } {
  let resolve: (event: StartEvent) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<StartEvent>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  // Who does not ask for it is told by the iteration.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
