import type { OperationId } from "../contract/operations.ts";
import { CapsuledError, ConnectionError, RequestTimeoutError, WrongServerError } from "../errors.ts";
import { property, parsed } from "./answer.ts";
import { isConnectionTrouble, LIVED_MS, Retry } from "./retry.ts";
import type { Socket } from "./socket.ts";
import { openSocket } from "./socket.ts";
import { after, reasonOf, sleep } from "./timing.ts";
import type { Request, Transport } from "./transport.ts";

/** Milliseconds of silence after which a socket is asked whether it is still one, by connecting again. */
const SILENT_MS = 90_000;

/** What a reader over sockets is: where to connect next, and what to make of a message. */
export interface SocketReader {
  /** Where to connect: asked anew each time. */
  target(): { readonly id: OperationId; readonly request: Request };
  /** The first message to send, if there is one. */
  first(): object | null;
  /** Takes a message. `again`: the connection is to be left, and another made. */
  take(message: unknown): "more" | "done" | "again";
  /** Throws what an upgrade was refused for, as far as it can be found out. */
  diagnose(signal: AbortSignal | undefined): Promise<void>;
  /** Whether a silent socket may be left for another without harm. */
  mayRenew(): boolean;
  /** Resolves when there is room for more. */
  ready(): Promise<void>;
  /** Lets `ready` resolve, whatever waits. */
  makeRoom(): void;
  /** Goes up with each record that is taken. */
  progress(): number;
}

interface ConnectionEnd {
  readonly kind: "done" | "cut" | "refused";
  readonly reason: string;
}

/** Keeps a reader connected until it is done, over cuts, restarts of the server and sleeping machines. */
export class Reconnecting {
  readonly #transport: Transport;
  readonly #reader: SocketReader;
  readonly #signal: AbortSignal | undefined;
  #socket: Socket | null = null;
  #leave: (() => void) | null = null;
  #isStopped = false;
  #openedAtMs = Number.POSITIVE_INFINITY;
  /** Called when a connection is over. */
  readonly #left: () => void;
  /** Hears that it connects again, and that it has. */
  readonly #changed: (isConnected: boolean) => void;
  /** How often it has connected; a change says that what was sent before may be lost. */
  connections = 0;

  constructor(
    transport: Transport,
    reader: SocketReader,
    signal: AbortSignal | undefined,
    left: () => void = () => {},
    changed: (isConnected: boolean) => void = () => {},
  ) {
    this.#transport = transport;
    this.#changed = changed;
    this.#reader = reader;
    this.#signal = signal;
    this.#left = left;
  }

  /** The open socket, if there is one now. */
  get socket(): Socket | null {
    return this.#socket;
  }

  /** Ends the present connection without another. `run` returns. */
  stop(): void {
    this.#isStopped = true;
    this.#leave?.();
  }

  /** Resolves when the reader is done or was stopped; throws what ends it otherwise. */
  async run(): Promise<void> {
    // Nobody may take what waits any more.
    const abort = (): void => this.#reader.makeRoom();
    this.#signal?.addEventListener("abort", abort, { once: true });
    try {
      await this.#keep();
    } finally {
      this.#signal?.removeEventListener("abort", abort);
    }
  }

  async #keep(): Promise<void> {
    this.#isStopped = false;
    let retry = new Retry(this.#transport.settings.retryForMs, this.#transport.hasAnswered);
    while (!this.#isStopped) {
      let failure: unknown;
      const before = this.#reader.progress();
      this.#openedAtMs = Number.POSITIVE_INFINITY;
      try {
        await this.#reader.ready();
        // There may be room just because nothing more is wanted.
        if (this.#isStopped) return;
        const end = await this.#connect();
        if (end.kind === "done") return;
        if (end.kind === "refused") await this.#diagnose();
        failure = new ConnectionError(
          `The stream's connection to ${this.#transport.settings.url} ${end.kind === "refused" ? "was refused" : "was cut"}${end.reason === "" ? "" : `: ${end.reason}`}`,
          "unknown",
        );
      } catch (error) {
        failure = error;
      }
      if (this.#signal?.aborted === true) throw reasonOf(this.#signal);
      if (this.#isStopped) return;
      if (!(failure instanceof CapsuledError) || !isConnectionTrouble(failure)) throw failure;
      if (this.#reader.progress() > before || performance.now() - this.#openedAtMs > LIVED_MS) {
        retry = new Retry(this.#transport.settings.retryForMs, true);
      }
      const wait = retry.next(failure, true);
      if (wait === null) throw failure;
      if (this.connections > 0) this.#changed(false);
      this.#transport.connection(false);
      await sleep(wait, this.#signal);
    }
  }

  /** Throws what an upgrade was refused for: runtimes do not show a socket's answer. */
  async #diagnose(): Promise<void> {
    await this.#reader.diagnose(this.#signal);
    const { id, request } = this.#reader.target();
    try {
      // Asked without an upgrade, a server that knows the path says that it wants one, and one that does not says that.
      const answer = await this.#transport.open(id, { ...request, signal: this.#signal, retryForMs: 0 });
      await answer.body?.cancel();
    } catch (error) {
      if (error instanceof WrongServerError) throw error;
    }
  }

  /** One connection, from its opening to its end. */
  async #connect(): Promise<ConnectionEnd> {
    const { id, request } = this.#reader.target();
    let silence: ReturnType<typeof setTimeout> | undefined;
    let settle: (end: ConnectionEnd) => void = () => {};
    let fail: (error: unknown) => void = () => {};
    const ended = new Promise<ConnectionEnd>((done, failed) => {
      settle = done;
      fail = failed;
    });
    // It is awaited below, but may fail while the socket is still being opened.
    ended.catch(() => {});
    const cut = (reason: string): void => settle({ kind: "cut", reason });
    const listen = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => (this.#reader.mayRenew() ? cut("it was silent for too long") : listen()), SILENT_MS);
    };
    // A server that takes the connection and says nothing is not waited for longer than for any other answer.
    const { url, requestTimeoutMs } = this.#transport.settings;
    const openedOrOver = after(requestTimeoutMs, () =>
      fail(new RequestTimeoutError(`${url} did not answer within ${requestTimeoutMs} ms (requestTimeoutMs)`)),
    );
    const abort = (): void => cut("");
    this.#signal?.addEventListener("abort", abort, { once: true });
    this.#leave = abort;
    try {
      if (this.#signal?.aborted === true) throw reasonOf(this.#signal);
      this.#socket = await openSocket(
        this.#transport,
        id,
        { ...request, signal: this.#signal },
        {
          opened: () => {
            openedOrOver();
            this.#openedAtMs = performance.now();
            const first = this.#reader.first();
            this.connections += 1;
            if (this.connections > 1) this.#changed(true);
            this.#transport.connection(true);
            if (first !== null) this.#socket?.send(first);
          },
          message: (text) => {
            listen();
            try {
              const next = this.#reader.take(parsed(text));
              if (next === "done") settle({ kind: "done", reason: "" });
              if (next === "again") cut("");
            } catch (error) {
              fail(error);
            }
          },
          closed: ({ code, reason, wasOpen }) =>
            settle({ kind: wasOpen ? "cut" : "refused", reason: reason === "" ? `code ${code}` : reason }),
        },
      );
      listen();
      return await ended;
    } finally {
      openedOrOver();
      clearTimeout(silence);
      this.#signal?.removeEventListener("abort", abort);
      this.#leave = null;
      this.#socket?.close();
      this.#socket = null;
      this.#left();
    }
  }
}

/** A text property of a message. */
export function textIn(message: unknown, name: string): string | undefined {
  const value = property(message, name);
  return typeof value === "string" ? value : undefined;
}

/** A whole number of a message. */
export function intIn(message: unknown, name: string): number | undefined {
  const value = property(message, name);
  return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
}
