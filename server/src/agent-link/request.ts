import type { AgentConnection } from "./connection.ts";
import { FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";

/** Milliseconds for the agent to answer a request that has one frame for an answer. */
export const ANSWER_MS = 10_000;

/** The answer that ends an operation: its frame type, and what its payload says. */
export interface Answer<T> {
  readonly type: number;
  readonly read: (payload: Buffer) => T;
}

/** An operation with one frame each way. Throws `AgentRefusal` and `AgentLostError`. */
export function request<T>(
  connection: AgentConnection,
  pool: ConnectionPool,
  frame: Buffer,
  answer: Answer<T>,
  waitMs: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no answer within ${waitMs} ms`)), waitMs);
    connection.begin({
      frame(type, payload) {
        if (type !== answer.type && type !== FRAME.error) throw new ProtocolError(`frame 0x${type.toString(16)} for an answer`);
        const said = type === answer.type ? { value: answer.read(payload) } : { refusal: readRefusal(payload) };
        clearTimeout(timer);
        pool.give(connection);
        if ("refusal" in said) reject(said.refusal);
        else resolve(said.value);
      },
      lost(error) {
        clearTimeout(timer);
        reject(error);
      },
    });
    connection.sendFrame(frame);
  });
}
