import type { ProcessEvent, ProcessStream, Started, TerminalSize } from "../core/ports/agent-link.ts";
import type { AgentConnection, OperationListener } from "./connection.ts";
import { decodeRecord, encodeBytes, FRAME, placedBytes, ProtocolError } from "./frame.ts";
import { readExit, readGap, readRefusal, readRoom, readStarted } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";
import { ANSWER_MS } from "./request.ts";
import { STDIN_PIECE_BYTES } from "./stdin-feed.ts";

/** Sends the opening frame (`start` or `attach`) and resolves with the attached process. Throws `AgentRefusal` and `AgentLostError`. */
export function openStream(connection: AgentConnection, pool: ConnectionPool, opening: Buffer): Promise<ProcessStream> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    connection.begin({
      frame(type, payload) {
        if (type === FRAME.started) {
          const stream = new AttachedProcess(connection, pool, readStarted(payload));
          connection.begin(stream);
          connection.pause();
          return settle(() => resolve(stream));
        }
        if (type !== FRAME.error) throw new ProtocolError(`frame 0x${type.toString(16)} before started`);
        const refusal = readRefusal(payload);
        pool.give(connection);
        settle(() => reject(refusal));
      },
      lost: (error) => settle(() => reject(error)),
    });
    connection.sendFrame(opening);
  });
}

class AttachedProcess implements ProcessStream, OperationListener {
  readonly started: Started;
  readonly #connection: AgentConnection;
  readonly #pool: ConnectionPool;
  #listener: ((event: ProcessEvent) => void) | null = null;
  /** The listener keeps nothing of the bytes it is given. */
  #isCopying = false;
  /** Until somebody listens, and between `pause` and `resume`. */
  #paused = true;
  /** Events of the chunk in which the reader paused: the socket is paused too, so that no more than a chunk's come. */
  #waiting: ProcessEvent[] = [];
  /** The operation is over; the connection belongs to others or is closed. */
  #over = false;

  constructor(connection: AgentConnection, pool: ConnectionPool, started: Started) {
    this.#connection = connection;
    this.#pool = pool;
    this.started = started;
  }

  onEvent(listener: (event: ProcessEvent) => void, isCopying = false): void {
    this.#listener = listener;
    this.#isCopying = isCopying;
    this.resume();
  }

  pause(): void {
    this.#paused = true;
    if (!this.#over) this.#connection.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
    if (!this.#paused && !this.#over) this.#connection.resume();
  }

  sendStdin(bytes: Uint8Array, place?: number): void {
    if (bytes.length === 0 && place === undefined) return;
    let at = 0;
    do {
      if (this.#over) return;
      const piece = bytes.subarray(at, at + STDIN_PIECE_BYTES);
      const frame = place === undefined ? encodeBytes(FRAME.stdin, piece) : encodeBytes(FRAME.stdin_at, placedBytes(place + at, piece));
      this.#connection.sendFrame(frame);
      at += piece.length;
    } while (at < bytes.length);
  }

  closeStdin(place?: number): void {
    const nothing = new Uint8Array(0);
    if (!this.#over)
      this.#connection.sendFrame(encodeBytes(FRAME.stdin_close, place === undefined ? nothing : placedBytes(place, nothing)));
  }

  resize({ cols, rows }: TerminalSize): void {
    if (!this.#over) this.#connection.sendJson(FRAME.resize, { cols, rows });
  }

  cancel(reason: "client_gone" | "stopped" | "timed_out", graceMs: number): void {
    if (!this.#over) this.#connection.sendJson(FRAME.cancel, { reason, grace_ms: graceMs });
  }

  close(): void {
    this.#listener = null;
    this.#waiting = [];
    if (this.#over) return;
    this.#over = true;
    this.#connection.detach();
  }

  get hasDone(): boolean {
    return this.#isCopying && this.#waiting.length === 0;
  }

  frame(type: number, payload: Buffer): void {
    switch (type) {
      case FRAME.stdout:
        return this.#record("stdout", payload);
      case FRAME.stderr:
        return this.#record("stderr", payload);
      case FRAME.gap:
        return this.#emit(readGap(payload));
      case FRAME.stdin_room:
        return this.#emit({ kind: "stdin_room", ...readRoom(payload) });
      case FRAME.exit: {
        const end = readExit(payload);
        this.#over = true;
        this.#connection.resume();
        this.#pool.give(this.#connection);
        return this.#emit(end);
      }
      case FRAME.error:
        return this.#refused(payload);
      default:
        throw new ProtocolError(`frame 0x${type.toString(16)} during a stream`);
    }
  }

  lost(error: Error): void {
    this.#over = true;
    this.#emit({ kind: "failed", code: "lost", message: error.message });
  }

  #record(kind: "stdout" | "stderr", payload: Buffer): void {
    const { seq, offset, tail, bytes } = decodeRecord(payload);
    this.#emit({ kind, seq, offset, tail, bytes });
  }

  #refused(payload: Buffer): void {
    const refusal = readRefusal(payload);
    if (refusal.code === "stdin_full" || refusal.code === "stdin_gap") return this.#emit({ kind: refusal.code });
    // A resize of what has no terminal (any more) changes nothing.
    if (refusal.code === "bad_request") return;
    this.#over = true;
    this.#connection.detach();
    this.#emit({ kind: "failed", code: refusal.code, message: refusal.message });
  }

  #emit(event: ProcessEvent): void {
    this.#waiting.push(event);
    this.#deliver();
  }

  /** Hands over what waits, unless and until the reader pauses or closes. */
  #deliver(): void {
    while (!this.#paused && this.#listener !== null) {
      const event = this.#waiting.shift();
      if (event === undefined) return;
      this.#listener(event);
    }
  }
}
