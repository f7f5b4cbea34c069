import type { Duplex } from "node:stream";
import type { CapsuleDeps } from "../capsule/deps.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { fail } from "../fail.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import { refusalToError } from "../process/refusal.ts";
import { askAgent } from "./ask-agent.ts";

/** A byte pipe to a port of a running capsule. Throws `port_unavailable`, `connection_limit`, `invalid_state`. */
export async function dialPort(deps: Pick<CapsuleDeps, "store">, live: LiveCapsule, port: number): Promise<Duplex> {
  return askAgent(deps, live, live.link.dial(port), (error) => toError(error, port));
}

function toError(error: unknown, port: number): unknown {
  if (!(error instanceof AgentRefusal)) return error;
  switch (error.code) {
    case "refused":
      return fail("port_unavailable", `Nothing listens on port ${port} of the capsule.`, { cause: error });
    case "timeout":
      return fail("port_unavailable", `Port ${port} of the capsule does not take connections.`, { cause: error });
    case "port_limit":
    case "too_many_operations":
      return fail("connection_limit", undefined, { cause: error });
    case "paused":
      return fail("invalid_state", "The capsule is paused.", { cause: error });
    default:
      return refusalToError(error);
  }
}
