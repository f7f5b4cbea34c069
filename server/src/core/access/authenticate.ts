import { API_KEY } from "@capsuled/contract";
import { createSingleFlight } from "../../lib/single-flight.ts";
import { StoreUnavailableError } from "../capsule/store.ts";
import type { AccessDeps } from "./deps.ts";
import type { CachedKey } from "./key-cache.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import type { Principal } from "./principal.ts";

/**
 * Checks keys. A key that was checked within 5 s is answered at once, without a promise; else one look in the database serves all
 * who ask at that moment. While the database is gone a key that was good within the last hour goes on; any other is
 * `StoreUnavailableError`, since it cannot be told from a good one.
 */
export function createAuthenticate(deps: AccessDeps): (keyText: string) => Principal | undefined | Promise<Principal | undefined> {
  const { cache, clock, store } = deps;
  const looks = createSingleFlight<Principal | undefined>();

  async function look(hash: string, cached: CachedKey | undefined): Promise<Principal | undefined> {
    const generation = cache.generation;
    const askedAt = clock.now();
    let found: Awaited<ReturnType<typeof store.findKeyByHash>>;
    try {
      found = await store.findKeyByHash(hash);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      // The entry is read again: a revocation may have removed it while the look was under way.
      const still = cache.known.get(hash);
      if (still === undefined || askedAt - still.checkedAt > ACCESS_LIMITS.keyOutageMsMax) throw error;
      cache.known.set(hash, { ...still, freshUntil: clock.now() + ACCESS_LIMITS.keyRetryMs, isOutage: true });
      return still.principal;
    }
    if (found === undefined) {
      cache.unknown.set(hash, askedAt + ACCESS_LIMITS.unknownKeyFreshMsMax);
      if (cached !== undefined) cache.revoke(cached.principal.keyId);
      return undefined;
    }
    const { key, team } = found;
    const principal: Principal = { keyId: key.id, teamId: key.teamId, role: key.role, isFirstTeam: team.isFirst };
    if (generation === cache.generation) {
      cache.known.set(hash, { principal, checkedAt: askedAt, freshUntil: askedAt + ACCESS_LIMITS.keyFreshMsMax, isOutage: false });
    }
    return principal;
  }

  function noted(principal: Principal | undefined): Principal | undefined {
    if (principal !== undefined) deps.keyUse.note(principal.keyId, clock.now());
    return principal;
  }

  return (keyText) => {
    if (!API_KEY.test(keyText)) return undefined;
    const hash = deps.hash.sha256Hex(keyText);
    const now = clock.now();
    const cached = cache.known.get(hash);
    if (cached !== undefined && now < cached.freshUntil) return noted(cached.principal);
    const unknownUntil = cache.unknown.get(hash);
    if (unknownUntil !== undefined && now < unknownUntil) return undefined;
    const looking = looks.run(hash, () => look(hash, cached));
    if (cached !== undefined && isOutageRecent(cached, now)) {
      // A look can take seconds while the database is gone. Its failure is no news; whatever else it throws meets the next caller.
      looking.catch(() => {});
      return noted(cached.principal);
    }
    return looking.then(noted);
  };
}

/** Whether the database was gone a moment ago and the key is good for as long as that lasts. */
function isOutageRecent(cached: CachedKey, now: number): boolean {
  return cached.isOutage && now - cached.freshUntil < ACCESS_LIMITS.keyFreshMsMax && now - cached.checkedAt <= ACCESS_LIMITS.keyOutageMsMax;
}
