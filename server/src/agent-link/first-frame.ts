import type { AgentConnection } from "./connection.ts";
import { FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";

/** Milliseconds for the agent to find what is to be read and send the first of it. */
export const HEAD_MS = 30_000;

/**
 * Sends what opens an operation and resolves with what `open` makes of the first frame that comes back, within so many milliseconds.
 * Throws `AgentRefusal` where that frame is one, and `AgentLostError`; what `open` throws ends the connection.
 */
export function firstFrame<T>(
  connection: AgentConnection,
  opening: Buffer,
  awaited: { readonly what: string; readonly ms: number },
  open: (type: number, payload: Buffer) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no ${awaited.what} within ${awaited.ms} ms`)), awaited.ms);
    connection.begin({
      frame(type, payload) {
        if (type !== FRAME.error) {
          const opened = open(type, payload);
          clearTimeout(timer);
          return resolve(opened);
        }
        const refusal = readRefusal(payload);
        clearTimeout(timer);
        connection.detach();
        reject(refusal);
      },
      lost(error) {
        clearTimeout(timer);
        reject(error);
      },
    });
    connection.sendFrame(opening);
  });
}

/** The same for what answers in bytes, whose frames come in parts. */
export function openBytes<T>(connection: AgentConnection, opening: Buffer, open: (type: number, payload: Buffer) => T): Promise<T> {
  connection.takeParts();
  return firstFrame(connection, opening, { what: "head", ms: HEAD_MS }, open);
}

/** The same for one answer, read by `read`, after which the connection is never used again: its worker closes it. */
export function onlyAnswer<T>(connection: AgentConnection, opening: Buffer, ms: number, read: (payload: Buffer) => T): Promise<T> {
  return firstFrame(connection, opening, { what: "answer", ms }, (type, payload) => {
    if (type !== FRAME.result) throw new ProtocolError(`frame 0x${type.toString(16)} for an answer`);
    const answer = read(payload);
    connection.detach();
    return answer;
  });
}
