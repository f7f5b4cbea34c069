import type { Actor, SystemActor } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";

/** The caller as an event's actor. */
export function byKey(principal: Pick<Principal, "keyId">): Actor {
  return { type: "key", id: principal.keyId };
}

/** A part of the server as an event's actor. */
export function bySystem(id: SystemActor): Actor {
  return { type: "system", id };
}
