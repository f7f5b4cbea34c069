import type { Collected, ProcessEnd, StartSpec, Started } from "../core/ports/agent-link.ts";
import { AgentLostError, AgentRefusal } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { decodeRecord, FRAME, ProtocolError } from "./frame.ts";
import { readExit, readRefusal, readRoom, readStarted } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";
import { encodeStart } from "./start-frame.ts";
import { StdinFeed } from "./stdin-feed.ts";

/** Milliseconds that a killed foreground process may take to be reported as ended. */
const CANCEL_MS = 10_000;

/** Keeps the head of a stream, up to a bound. */
class Head {
  readonly #max: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  constructor(max: number) {
    this.#max = max;
  }
  add(bytes: Uint8Array): void {
    const room = this.#max - this.#size;
    if (room <= 0) return;
    const kept = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#parts.push(kept);
    this.#size += kept.length;
  }
  take(): Uint8Array {
    const [first] = this.#parts;
    if (first === undefined) return new Uint8Array(0);
    return this.#parts.length === 1 ? first : Buffer.concat(this.#parts, this.#size);
  }
}

/** A foreground command over one connection: start, collect, end. */
export function runOn(
  connection: AgentConnection,
  pool: ConnectionPool,
  spec: StartSpec,
  stdin: Uint8Array | null,
  outputBytesMax: number,
  signal: AbortSignal,
): Promise<Collected> {
  return new Promise((resolve, reject) => {
    const stdout = new Head(outputBytesMax);
    const stderr = new Head(outputBytesMax);
    const feed = stdin === null ? null : new StdinFeed(connection, stdin);
    let started: Started | null = null;
    let timer: NodeJS.Timeout | null = null;
    const cancel = (): void => {
      connection.sendJson(FRAME.cancel, { reason: "client_gone", grace_ms: 0 });
      timer = setTimeout(() => connection.end(new Error(`no end within ${CANCEL_MS} ms of the kill`)), CANCEL_MS);
    };
    const settle = (): void => {
      signal.removeEventListener("abort", cancel);
      if (timer !== null) clearTimeout(timer);
    };
    const finish = (end: ProcessEnd): void => {
      settle();
      pool.give(connection);
      if (started === null) reject(new AgentLostError("an end without a start"));
      else resolve({ started, end, stdout: stdout.take(), stderr: stderr.take() });
    };
    connection.begin({
      frame(type, payload) {
        switch (type) {
          case FRAME.stdout:
            stdout.add(decodeRecord(payload).bytes);
            return;
          case FRAME.stderr:
            stderr.add(decodeRecord(payload).bytes);
            return;
          case FRAME.started:
            started = readStarted(payload);
            feed?.advance(0);
            return;
          case FRAME.exit:
            finish(readExit(payload));
            return;
          case FRAME.stdin_room:
            feed?.advance(readRoom(payload).bytes);
            return;
          case FRAME.gap:
            return;
          case FRAME.error: {
            const refusal = readRefusal(payload);
            settle();
            pool.give(connection);
            reject(new AgentRefusal(refusal.code, refusal.message, refusal.field ?? null));
            return;
          }
          default:
            throw new ProtocolError(`frame 0x${type.toString(16)} during a run`);
        }
      },
      lost(error) {
        settle();
        reject(error);
      },
    });
    connection.sendFrame(encodeStart(spec, true));
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
}
