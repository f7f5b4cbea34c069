import type { Principal } from "../access/principal.ts";
import type { EndpointDeps } from "./deps.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import { changedMeanwhile } from "./put-endpoint.ts";

/** Repeatable; runs under way go on. */
export async function deleteEndpoint(
  { store, cache }: Pick<EndpointDeps, "store" | "cache">,
  principal: Principal,
  name: string,
): Promise<void> {
  for (let attempt = 0; attempt < ENDPOINT_LIMITS.attemptsMax; attempt += 1) {
    const record = await store.find(principal.teamId, name);
    const isGone =
      record === undefined || (await store.apply(principal.teamId, [{ kind: "delete", id: record.id, fromVersion: record.version }]));
    cache.forget(principal.teamId, [name]);
    if (isGone) return;
  }
  throw changedMeanwhile();
}
