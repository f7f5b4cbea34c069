import { deleteEndpoint } from "./delete-endpoint.ts";
import type { EndpointDeps } from "./deps.ts";
import { createFindPublished } from "./find-published.ts";
import { getEndpoint } from "./get-endpoint.ts";
import { importEndpoints } from "./import-endpoints.ts";
import { createSecretsOf } from "./open-secrets.ts";
import { setPaused } from "./pause-schedule.ts";
import { createPublishedCache } from "./published-cache.ts";
import { putEndpoint } from "./put-endpoint.ts";
import type { EndpointService } from "./service.ts";

/** The use cases of definitions on one cache of endpoints. */
export function createEndpointService(given: Omit<EndpointDeps, "cache">): EndpointService {
  const deps: EndpointDeps = { ...given, cache: createPublishedCache() };
  return {
    put: (principal, name, input) => putEndpoint(deps, principal, name, input),
    get: (principal, name) => getEndpoint(deps, principal, name),
    list: (principal, limit, cursor) => deps.store.list(principal.teamId, limit, cursor),
    delete: (principal, name) => deleteEndpoint(deps, principal, name),
    import: (principal, text, options) => importEndpoints(deps, principal, text, options),
    pauseSchedule: (principal, name) => setPaused(deps, principal, name, true),
    resumeSchedule: (principal, name) => setPaused(deps, principal, name, false),
    findPublished: createFindPublished(deps),
    secretsOf: createSecretsOf(deps.sealer),
  };
}
