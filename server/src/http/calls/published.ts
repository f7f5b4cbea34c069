import type { Principal } from "../../core/access/principal.ts";
import type { Published } from "../../core/endpoint/service.ts";
import { fail } from "../../core/fail.ts";
import type { RouteDeps } from "../deps.ts";

/**
 * The endpoint of a call. Without a key what is private answers just as what does not exist, `unauthorized`; with one, another
 * team's private endpoint does, `not_found`.
 */
export async function publishedFor(
  { endpoints }: Pick<RouteDeps, "endpoints">,
  caller: Principal | null,
  owner: string,
  name: string,
): Promise<Published> {
  const found = endpoints.findPublished(owner, name);
  const published = found instanceof Promise ? await found : found;
  if (published !== undefined && (published.endpoint.definition.public || published.endpoint.teamId === caller?.teamId)) return published;
  throw caller === null ? fail("unauthorized") : fail("not_found", "There is no endpoint at this path.");
}
