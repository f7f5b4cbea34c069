import type { Actor, SystemActor } from "@capsuled/contract";
import { SYSTEM_ACTORS } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";

/** The caller as an event's actor; a part of the server acts for a team under its own name. */
export function byKey(principal: Pick<Principal, "keyId">): Actor {
  const system = SYSTEM_ACTORS.find((known) => known === principal.keyId);
  return system === undefined ? { type: "api_key", id: principal.keyId } : bySystem(system);
}

/** A part of the server as an event's actor. */
export function bySystem(id: SystemActor): Actor {
  return { type: "system", id };
}
