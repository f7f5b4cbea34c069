import { ENDPOINT_NAME } from "@capsuled/contract";
import { createSingleFlight } from "../../lib/single-flight.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import type { EndpointDeps } from "./deps.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import type { EndpointService, Published } from "./service.ts";

/**
 * Looks endpoints up for calls. One that was seen within 5 s is answered at once, without a promise; else one look in the database
 * serves all who ask at that moment. While the database is gone an endpoint that was seen within the last hour goes on.
 */
export function createFindPublished({
  cache,
  clock,
  store,
}: Pick<EndpointDeps, "cache" | "clock" | "store">): EndpointService["findPublished"] {
  const looks = createSingleFlight<Published | undefined>();

  async function look(key: string, ownerSlug: string, name: string): Promise<Published | undefined> {
    const { generation } = cache;
    const askedAt = clock.now();
    let found: Awaited<ReturnType<typeof store.findPublished>>;
    try {
      found = await store.findPublished(ownerSlug, name);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const cached = cache.known.get(key);
      if (cached === undefined || askedAt - cached.checkedAt > ENDPOINT_LIMITS.publishedOutageMsMax) throw error;
      cache.known.set(key, { ...cached, freshUntil: clock.now() + ENDPOINT_LIMITS.unknownFreshMsMax });
      return cached.published;
    }
    const isCurrent = generation === cache.generation;
    if (found === undefined) {
      if (isCurrent) cache.unknown.set(key, askedAt + ENDPOINT_LIMITS.unknownFreshMsMax);
      cache.known.delete(key);
      return undefined;
    }
    const published: Published = { endpoint: found.endpoint, ownerSlug, ownerName: found.ownerName };
    if (isCurrent) cache.known.set(key, { published, checkedAt: askedAt, freshUntil: askedAt + ENDPOINT_LIMITS.publishedFreshMsMax });
    return published;
  }

  return (ownerSlug, name) => {
    if (!ENDPOINT_NAME.test(name)) return undefined;
    const key = `${ownerSlug}/${name}`;
    const now = clock.now();
    const cached = cache.known.get(key);
    if (cached !== undefined && now < cached.freshUntil) return cached.published;
    const unknownUntil = cache.unknown.get(key);
    if (unknownUntil !== undefined && now < unknownUntil) return undefined;
    // A look that began before the latest change is not joined: it may not have seen it.
    return looks.run(`${key}#${cache.generation}`, () => look(key, ownerSlug, name));
  };
}
