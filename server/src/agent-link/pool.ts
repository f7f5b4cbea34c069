import type { Duplex } from "node:stream";
import { AgentLostError, AgentRefusal } from "../core/ports/agent-link.ts";
import { AgentConnection, greet } from "./connection.ts";

/** Idle connections that a capsule keeps ready at most. */
export const IDLE_CONNECTIONS_MAX = 8;
/** Connections of one capsule at most, in use and idle; the agent's own bound is 1 024. */
export const CONNECTIONS_MAX = 512;

/** Connections to one agent: taken for one operation each, given back after its last frame. */
export class ConnectionPool {
  readonly #open: () => Promise<Duplex>;
  readonly #capsuleId: string;
  readonly #secret: string;
  readonly #idle: AgentConnection[] = [];
  readonly #all = new Set<AgentConnection>();
  #opening = 0;
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
      if (connection === undefined || connection.usable) return connection;
    }
  }

  /** An idle connection or a fresh one. */
  async take(): Promise<AgentConnection> {
    const idle = this.takeIdle();
    if (idle !== undefined) return idle;
    if (this.#closed) throw new AgentLostError("the link to the agent is closed");
    if (this.#all.size + this.#opening >= CONNECTIONS_MAX) {
      throw new AgentRefusal("too_many_operations", `more than ${CONNECTIONS_MAX} operations at once in one capsule`, null);
    }
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
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  /** After the last frame of its operation. */
  give(connection: AgentConnection): void {
    connection.finish();
    if (!connection.usable) return;
    if (this.#closed || this.#idle.length >= IDLE_CONNECTIONS_MAX) connection.detach();
    else this.#idle.push(connection);
  }

  /** Ends every connection; operations under way hear `lost`. */
  close(): void {
    this.#closed = true;
    this.#idle.length = 0;
    for (const connection of this.#all) connection.end(null);
    this.#all.clear();
  }
}
