import type { LogEntry, LogFeed } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { encodeJson, FRAME, ProtocolError } from "./frame.ts";
import { readDone, readEntry, readPosition, readRefusal } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";

/** Reads the agent's log over a connection of its own. Entries that cannot be understood are left out: the one after them says so by its number. */
export function openLog(pool: ConnectionPool, from: number, follow: boolean, onEntry: (entry: LogEntry) => void): LogFeed {
  let connection: AgentConnection | null = null;
  let isClosed = false;
  let isPaused = false;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  const begin = (taken: AgentConnection): void => {
    if (isClosed) return pool.give(taken);
    connection = taken;
    taken.begin({
      frame(type, payload) {
        if (isClosed) return;
        switch (type) {
          case FRAME.entry: {
            const entry = understood(payload);
            if (entry !== null) onEntry(entry);
            return;
          }
          case FRAME.result:
            readDone(payload);
            connection = null;
            taken.resume();
            pool.give(taken);
            return resolve();
          case FRAME.error: {
            const refusal = readRefusal(payload);
            connection = null;
            taken.resume();
            pool.give(taken);
            return reject(refusal);
          }
          default:
            throw new ProtocolError(`frame 0x${type.toString(16)} during a log`);
        }
      },
      lost(error) {
        connection = null;
        if (!isClosed) reject(error);
      },
    });
    taken.sendFrame(encodeJson(FRAME.log, { from, follow }));
    if (isPaused) taken.pause();
  };
  pool.take().then(begin, (error: unknown) => {
    if (!isClosed) reject(error);
  });
  return {
    done: promise,
    pause() {
      isPaused = true;
      connection?.pause();
    },
    resume() {
      isPaused = false;
      connection?.resume();
    },
    close() {
      isClosed = true;
      connection?.detach();
      connection = null;
    },
  };
}

function understood(payload: Buffer): LogEntry | null {
  readPosition(payload);
  try {
    return readEntry(payload);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
