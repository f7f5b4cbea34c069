import type { ProcessEvent, ProcessStream, Started } from "../core/ports/agent-link.ts";
import { AgentRefusal } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { decodeRecord, encodeBytes, FRAME, ProtocolError } from "./frame.ts";
import { readExit, readGap, readRefusal, readRoom, readStarted } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";

/** Sends the opening frame (`start` or `attach`) and resolves with the attached process. */
export function openStream(connection: AgentConnection, pool: ConnectionPool, opening: Buffer): Promise<ProcessStream> {
  return new Promise((resolve, reject) => {
    const stream = new AttachedProcess(connection, pool, resolve, reject);
    connection.begin(stream);
    connection.sendFrame(opening);
  });
}

class AttachedProcess implements ProcessStream {
  readonly #connection: AgentConnection;
  readonly #pool: ConnectionPool;
  readonly #resolve: (stream: ProcessStream) => void;
  readonly #reject: (error: Error) => void;
  #started: Started | null = null;
  #listener: ((event: ProcessEvent) => void) | null = null;
  /** Events of the chunk that `started` came in; the socket is paused until somebody listens. */
  #early: ProcessEvent[] = [];
  #over = false;

  constructor(connection: AgentConnection, pool: ConnectionPool, resolve: (stream: ProcessStream) => void, reject: (error: Error) => void) {
    this.#connection = connection;
    this.#pool = pool;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get started(): Started {
    if (this.#started === null) throw new Error("not started");
    return this.#started;
  }

  onEvent(listener: (event: ProcessEvent) => void): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const event of early) listener(event);
    if (!this.#over) this.#connection.resume();
  }

  pause(): void {
    if (!this.#over) this.#connection.pause();
  }

  resume(): void {
    if (!this.#over) this.#connection.resume();
  }

  sendStdin(bytes: Uint8Array): void {
    if (!this.#over) this.#connection.sendFrame(encodeBytes(FRAME.stdin, bytes));
  }

  closeStdin(): void {
    if (!this.#over) this.#connection.sendFrame(encodeBytes(FRAME.stdin_close, new Uint8Array(0)));
  }

  cancel(reason: "client_gone" | "stopped" | "timed_out", graceMs: number): void {
    if (!this.#over) this.#connection.sendJson(FRAME.cancel, { reason, grace_ms: graceMs });
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener = null;
    this.#connection.detach();
  }

  frame(type: number, payload: Buffer): void {
    if (this.#started === null) return this.#opening(type, payload);
    switch (type) {
      case FRAME.stdout:
      case FRAME.stderr: {
        const record = decodeRecord(payload);
        this.#emit({ kind: type === FRAME.stdout ? "stdout" : "stderr", seq: record.seq, offset: record.offset, tail: record.tail, bytes: record.bytes });
        return;
      }
      case FRAME.gap:
        this.#emit(readGap(payload));
        return;
      case FRAME.stdin_room:
        this.#emit({ kind: "stdin_room", bytes: readRoom(payload).bytes });
        return;
      case FRAME.exit: {
        const end = readExit(payload);
        this.#release();
        this.#emit(end);
        return;
      }
      case FRAME.error: {
        const refusal = readRefusal(payload);
        if (refusal.code === "stdin_full") {
          this.#emit({ kind: "stdin_full" });
          return;
        }
        this.#over = true;
        this.#connection.detach();
        this.#emit({ kind: "failed", code: refusal.code, message: refusal.message });
        return;
      }
      default:
        throw new ProtocolError(`frame 0x${type.toString(16)} during a stream`);
    }
  }

  lost(error: Error): void {
    if (this.#started === null) {
      this.#over = true;
      this.#reject(error);
      return;
    }
    if (this.#over) return;
    this.#over = true;
    this.#emit({ kind: "failed", code: "lost", message: error.message });
  }

  #opening(type: number, payload: Buffer): void {
    if (type === FRAME.started) {
      this.#started = readStarted(payload);
      this.#connection.pause();
      this.#resolve(this);
      return;
    }
    if (type !== FRAME.error) throw new ProtocolError("neither started nor error");
    const refusal = readRefusal(payload);
    this.#release();
    this.#reject(new AgentRefusal(refusal.code, refusal.message, refusal.field ?? null));
  }

  #release(): void {
    this.#over = true;
    this.#connection.resume();
    this.#pool.give(this.#connection);
  }

  #emit(event: ProcessEvent): void {
    if (this.#listener === null) this.#early.push(event);
    else this.#listener(event);
  }
}
