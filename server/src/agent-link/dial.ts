import type { Duplex } from "node:stream";
import type { ListeningPort } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { encodeJson, FRAME, ProtocolError } from "./frame.ts";
import { readDone, readPorts, readRefusal } from "./messages.ts";

/** Milliseconds for the capsule's end of a dialled connection; the agent's own bound is 5 s. */
export const DIAL_MS = 10_000;

/** Connects to a port of the capsule; from then on the connection is that port's. Throws `AgentRefusal` and `AgentLostError`. */
export function dialPort(connection: AgentConnection, port: number): Promise<Duplex> {
  return ask(connection, encodeJson(FRAME.dial, { port }), (payload, resolve) => {
    readDone(payload);
    connection.takeOver(resolve);
  });
}

/** Throws `AgentRefusal` and `AgentLostError`. */
export function listPorts(connection: AgentConnection): Promise<readonly ListeningPort[]> {
  return ask(connection, encodeJson(FRAME.ports, {}), (payload, resolve) => {
    const ports = readPorts(payload);
    connection.detach();
    resolve(ports);
  });
}

/** What a child of the agent's answers, which closes the connection behind its last frame: it is never used again. */
function ask<T>(connection: AgentConnection, frame: Buffer, onResult: (payload: Buffer, resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no answer within ${DIAL_MS} ms`)), DIAL_MS);
    connection.begin({
      frame(type, payload) {
        if (type !== FRAME.result && type !== FRAME.error) throw new ProtocolError(`frame 0x${type.toString(16)} for an answer`);
        if (type === FRAME.error) {
          const refusal = readRefusal(payload);
          clearTimeout(timer);
          connection.detach();
          reject(refusal);
          return;
        }
        onResult(payload, resolve);
        clearTimeout(timer);
      },
      lost(error) {
        clearTimeout(timer);
        reject(error);
      },
    });
    connection.sendFrame(frame);
  });
}
