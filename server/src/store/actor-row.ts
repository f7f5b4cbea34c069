import type { Actor } from "@capsuled/contract";
import { actor } from "@capsuled/contract";

/** An actor of two columns; rows of earlier versions say `key` for a key. */
export function toActor(type: string, id: string): Actor {
  return actor.parse({ type: type === "key" ? "api_key" : type, id });
}
