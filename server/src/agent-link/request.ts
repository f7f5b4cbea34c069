import { AgentRefusal } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";

/** Milliseconds for the agent to answer a request that has one frame for an answer. */
export const ANSWER_MS = 10_000;

/** An operation with one frame each way. Throws `AgentRefusal` and `AgentLostError`. */
export function request(connection: AgentConnection, pool: ConnectionPool, frame: Buffer, answer: number, waitMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no answer within ${waitMs} ms`)), waitMs);
    connection.begin({
      frame(type, payload) {
        if (type !== answer && type !== FRAME.error) throw new ProtocolError(`frame 0x${type.toString(16)} for an answer`);
        clearTimeout(timer);
        pool.give(connection);
        if (type === answer) return resolve(payload);
        const refusal = readRefusal(payload);
        reject(new AgentRefusal(refusal.code, refusal.message, refusal.field ?? null));
      },
      lost(error) {
        clearTimeout(timer);
        reject(error);
      },
    });
    connection.sendFrame(frame);
  });
}
