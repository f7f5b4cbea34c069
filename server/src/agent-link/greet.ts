import type { AgentConnection } from "./connection.ts";
import { firstFrame } from "./first-frame.ts";
import { encodeJson, FRAME, ProtocolError } from "./frame.ts";
import { readWelcome } from "./messages.ts";

/** Milliseconds for the agent to answer `hello`. */
export const HELLO_MS = 3000;

export const PROTOCOL_VERSION = 1;

/** Says `hello` over a fresh connection and waits for `welcome`. Throws `AgentRefusal` and `AgentLostError`. */
export function greet(connection: AgentConnection, capsuleId: string, secret: string): Promise<void> {
  const hello = encodeJson(FRAME.hello, { version: PROTOCOL_VERSION, capsule: capsuleId, secret });
  return firstFrame(connection, hello, { what: "welcome", ms: HELLO_MS }, (type, payload) => {
    if (type !== FRAME.welcome) throw new ProtocolError("neither welcome nor error after hello");
    const welcome = readWelcome(payload);
    if (welcome.version !== PROTOCOL_VERSION) throw new ProtocolError(`the agent answered in version ${welcome.version}`);
    if (welcome.capsule !== capsuleId) throw new ProtocolError("another capsule's agent answered");
    connection.finish();
  });
}
