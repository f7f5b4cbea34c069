import type { BoundedCache } from "../../lib/bounded-cache.ts";
import { createBoundedCache } from "../../lib/bounded-cache.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import type { Published } from "./service.ts";

export interface CachedEndpoint {
  readonly published: Published;
  /** When the database last had it. */
  readonly checkedAt: number;
  /** Until when it is used without asking again. */
  readonly freshUntil: number;
}

/** Endpoints as calls last saw them, by `owner/name`. */
export interface PublishedCache {
  readonly known: BoundedCache<CachedEndpoint>;
  /** Until when a name is known to have no endpoint. */
  readonly unknown: BoundedCache<number>;
  /** Goes up with each change, so that a look that was under way meanwhile is not remembered. */
  readonly generation: number;
  /** Forgets what a change of these endpoints of a team has made untrue. */
  forget(teamId: string, names: readonly string[]): void;
}

export function createPublishedCache(): PublishedCache {
  const known = createBoundedCache<CachedEndpoint>({ entriesMax: ENDPOINT_LIMITS.publishedMax });
  const unknown = createBoundedCache<number>({ entriesMax: ENDPOINT_LIMITS.unknownMax });
  let generation = 0;
  return {
    known,
    unknown,
    get generation() {
      return generation;
    },
    forget(teamId, names) {
      generation += 1;
      const changed = new Set(names);
      for (const [key, { published }] of known.entries()) {
        if (published.endpoint.teamId === teamId && changed.has(published.endpoint.name)) known.delete(key);
      }
      for (const [key] of unknown.entries()) {
        if (changed.has(key.slice(key.indexOf("/") + 1))) unknown.delete(key);
      }
    },
  };
}
