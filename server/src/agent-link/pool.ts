import type { Duplex } from "node:stream";
import { AgentLostError, AgentRefusal } from "../core/ports/agent-link.ts";
import { AgentConnection } from "./connection.ts";
import { greet } from "./greet.ts";

/** Idle connections that a capsule keeps ready at most. */
export const IDLE_CONNECTIONS_MAX = 32;
/** Of these, those that are kept for a capsule that nobody uses. */
export const IDLE_CONNECTIONS_KEPT = 2;
/** Milliseconds for which an idle connection beyond those must not have been needed before it is closed. */
export const IDLE_CONNECTION_MS = 30_000;
/** Connections to workers that may serve one more operation on files; a worker waits for it for a moment only. */
export const WORKER_CONNECTIONS_MAX = 2;
/** Connections of one capsule at most, in use and idle; the agent's own bound is 1 024. */
export const CONNECTIONS_MAX = 512;

/** Connections to one agent: taken for one operation each, given back after its last frame. */
export class ConnectionPool {
  readonly #open: () => Promise<Duplex>;
  readonly #capsuleId: string;
  readonly #secret: string;
  readonly #idle: AgentConnection[] = [];
  /** Those to workers that have answered and wait for what comes next. */
  readonly #workers: AgentConnection[] = [];
  readonly #all = new Set<AgentConnection>();
  #opening = 0;
  /** The one that is made ready in place of one that was taken for good. */
  #coming: Promise<AgentConnection | undefined> | null = null;
  /** The fewest idle ones since the timer was set: those that nobody has needed. */
  #least = 0;
  #trim: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(capsuleId: string, secret: string, open: () => Promise<Duplex>) {
    this.#capsuleId = capsuleId;
    this.#secret = secret;
    this.#open = open;
  }

  /** An idle connection, if there is one: the hot path makes no promise for it. */
  takeIdle(): AgentConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      this.#least = Math.min(this.#least, this.#idle.length);
      if (connection === undefined || connection.usable) return connection;
    }
  }

  /** An idle connection or a fresh one. */
  async take(): Promise<AgentConnection> {
    const idle = this.takeIdle();
    if (idle !== undefined) return idle;
    const coming = this.#coming;
    this.#coming = null;
    const come = coming === null ? undefined : await coming;
    if (come?.usable === true) return come;
    if (this.#closed) throw new AgentLostError("the link to the agent is closed");
    if (this.#all.size + this.#opening >= CONNECTIONS_MAX) {
      throw new AgentRefusal("too_many_operations", `more than ${CONNECTIONS_MAX} operations at once in one capsule`, null);
    }
    return this.#greeted();
  }

  /** For an operation at whose end the agent's side closes it: another one is made ready meanwhile. */
  async takeForGood(): Promise<AgentConnection> {
    const connection = await this.take();
    // Behind the request that this one is taken for.
    if (this.#coming === null && this.#idle.length === 0) setImmediate(() => this.#makeReady());
    return connection;
  }

  /** A connection to a worker that waits. It may end under what is asked over it: then nothing was done. */
  takeWorker(): AgentConnection | undefined {
    for (;;) {
      const connection = this.#workers.pop();
      if (connection === undefined || connection.usable) return connection;
    }
  }

  /** After an operation that went well; its worker waits for a moment and closes the connection then. */
  giveWorker(connection: AgentConnection): void {
    connection.finish();
    if (!connection.usable) return;
    if (this.#closed || this.#workers.length >= WORKER_CONNECTIONS_MAX) return connection.detach();
    // Its end is to be heard.
    connection.resume();
    this.#workers.push(connection);
  }

  #makeReady(): void {
    if (this.#closed || this.#coming !== null || this.#idle.length > 0 || this.#all.size + this.#opening >= CONNECTIONS_MAX) return;
    const coming: Promise<AgentConnection | undefined> = this.#greeted().then(
      (connection) => {
        // Whoever waits for it has it; else it is one of the idle ones.
        if (this.#coming !== coming) return connection;
        this.#coming = null;
        this.give(connection);
        return undefined;
      },
      // Who needs one opens it and hears why that fails.
      () => {
        if (this.#coming === coming) this.#coming = null;
        return undefined;
      },
    );
    this.#coming = coming;
  }

  async #greeted(): Promise<AgentConnection> {
    const connection = await this.#connect();
    await greet(connection, this.#capsuleId, this.#secret);
    return connection;
  }

  /** A connection that has not said hello; from here on `close` ends it. */
  async #connect(): Promise<AgentConnection> {
    let socket: Duplex;
    this.#opening += 1;
    try {
      socket = await this.#open();
    } catch (cause) {
      throw new AgentLostError("the agent cannot be reached", { cause });
    } finally {
      this.#opening -= 1;
    }
    const connection = new AgentConnection(socket);
    if (this.#closed) {
      connection.detach();
      throw new AgentLostError("the link to the agent is closed");
    }
    this.#all.add(connection);
    connection.onEnd = () => this.#forget(connection);
    return connection;
  }

  #forget(connection: AgentConnection): void {
    this.#all.delete(connection);
    for (const list of [this.#idle, this.#workers]) {
      const at = list.indexOf(connection);
      if (at !== -1) list.splice(at, 1);
    }
  }

  /** After the last frame of its operation. */
  give(connection: AgentConnection): void {
    connection.finish();
    if (!connection.usable) return;
    if (this.#closed || this.#idle.length >= IDLE_CONNECTIONS_MAX) connection.detach();
    else {
      this.#idle.push(connection);
      this.#trimLater();
    }
  }

  #trimLater(): void {
    if (this.#trim !== null || this.#idle.length <= IDLE_CONNECTIONS_KEPT) return;
    this.#least = this.#idle.length;
    this.#trim = setTimeout(() => {
      this.#trim = null;
      // The latest given back are taken first, so those that were not needed are the first.
      for (let spare = this.#least - IDLE_CONNECTIONS_KEPT; spare > 0; spare -= 1) this.#idle.shift()?.detach();
      this.#trimLater();
    }, IDLE_CONNECTION_MS);
    this.#trim.unref();
  }

  /** Ends every connection; operations under way hear `lost`. */
  close(): void {
    this.#closed = true;
    if (this.#trim !== null) clearTimeout(this.#trim);
    this.#idle.length = 0;
    this.#workers.length = 0;
    for (const connection of this.#all) connection.end(null);
    this.#all.clear();
  }
}
