import type { BoundedCache } from "../../lib/bounded-cache.ts";
import { createBoundedCache } from "../../lib/bounded-cache.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import type { Principal } from "./principal.ts";

export interface CachedKey {
  readonly principal: Principal;
  /** When the database last said that the key is good. */
  readonly checkedAt: number;
  /** Until when it is used without asking again. */
  readonly freshUntil: number;
  /** Whether the last look failed because the database was gone. */
  readonly isOutage: boolean;
}

/** What is known about keys, by the key's hash; the key's text is never kept. */
export interface KeyCache {
  readonly known: BoundedCache<CachedKey>;
  /** Until when a hash is known to be no key. */
  readonly unknown: BoundedCache<number>;
  /** Goes up with each revocation, so that a look that was under way meanwhile is not remembered. */
  readonly generation: number;
  /** Forgets the key and tells those who listen. */
  revoke(keyId: string): void;
  onRevoked(listener: (keyId: string) => void): () => void;
}

export function createKeyCache(): KeyCache {
  const known = createBoundedCache<CachedKey>({ entriesMax: ACCESS_LIMITS.cachedKeysMax });
  const listeners = new Set<(keyId: string) => void>();
  let generation = 0;
  return {
    known,
    unknown: createBoundedCache<number>({ entriesMax: ACCESS_LIMITS.cachedUnknownKeysMax }),
    get generation() {
      return generation;
    },
    revoke(keyId) {
      generation += 1;
      for (const [hash, cached] of known.entries()) {
        if (cached.principal.keyId === keyId) known.delete(hash);
      }
      for (const listener of listeners) listener(keyId);
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
