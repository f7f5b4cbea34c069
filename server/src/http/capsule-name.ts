import type { Operation } from "@capsuled/contract";
import { CAPSULE_ID } from "@capsuled/contract";
import type { Principal } from "../core/access/principal.ts";
import type { CapsuleService } from "../core/capsule/service.ts";

/**
 * Puts a capsule's id in the place of its name in a path, where a team has a capsule of that name. Not for its destruction: a repeat
 * of that would hit the next capsule of the name. `undefined` where there is nothing to look up: an id goes on at once.
 */
export function namedParams(
  capsules: Pick<CapsuleService, "findId">,
  { id, path }: Operation,
  caller: Principal | null,
  params: unknown,
): Promise<unknown> | undefined {
  if (caller === null || !path.startsWith("/v1/capsules/{id}") || id === "destroyCapsule") return undefined;
  if (typeof params !== "object" || params === null || !("id" in params)) return undefined;
  const { id: word } = params;
  if (typeof word !== "string" || CAPSULE_ID.test(word)) return undefined;
  return capsules.findId(caller, word).then((found) => (found === undefined ? params : { ...params, id: found }));
}
