import type { Duplex } from "node:stream";
import type { ListeningPort } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { firstFrame, onlyAnswer } from "./first-frame.ts";
import { encodeJson, FRAME, ProtocolError } from "./frame.ts";
import { readDone, readPorts } from "./messages.ts";

/** Milliseconds for the capsule's end of a dialled connection; the agent's own bound is 5 s. */
export const DIAL_MS = 10_000;

/** Connects to a port of the capsule; from then on the connection is that port's. Throws `AgentRefusal` and `AgentLostError`. */
export function dialPort(connection: AgentConnection, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const answered = firstFrame(connection, encodeJson(FRAME.dial, { port }), { what: "answer", ms: DIAL_MS }, (type, payload) => {
      if (type !== FRAME.result) throw new ProtocolError(`frame 0x${type.toString(16)} for an answer`);
      readDone(payload);
      connection.takeOver(resolve);
    });
    answered.catch(reject);
  });
}

/** Throws `AgentRefusal` and `AgentLostError`. */
export function listPorts(connection: AgentConnection): Promise<readonly ListeningPort[]> {
  return onlyAnswer(connection, encodeJson(FRAME.ports, {}), DIAL_MS, readPorts);
}
