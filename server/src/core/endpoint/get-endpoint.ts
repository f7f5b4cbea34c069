import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import type { EndpointDeps } from "./deps.ts";
import type { EndpointRecord } from "./record.ts";

/** One's own team's endpoint; another team's is `not_found`. */
export async function getEndpoint({ store }: Pick<EndpointDeps, "store">, principal: Principal, name: string): Promise<EndpointRecord> {
  const record = await store.find(principal.teamId, name);
  if (record === undefined) throw fail("not_found", "There is no endpoint with this name.");
  return record;
}
