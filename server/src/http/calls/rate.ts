import { fail } from "../../core/fail.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { RateVerdict, TokenBuckets } from "../../lib/token-bucket.ts";
import { createTokenBuckets } from "../../lib/token-bucket.ts";
import { networkOf } from "../client-address.ts";
import type { Exchange } from "../route.ts";

/** Keys, or addresses, whose calls are counted at once. */
export const RATE_ENTRIES_MAX = 50_000;

/** How often endpoints may be called. */
export interface CallRates {
  /** Counts a call of a key, or of an address without one, and says in the answer's headers what is left. Throws `rate_limited`. */
  count(keyId: string | null, exchange: Exchange): void;
}

export function createCallRates(
  { callRate, publicCallRate }: { readonly callRate: number; readonly publicCallRate: number },
  clock: Clock,
): CallRates {
  const bucketsOf = (perMinute: number): TokenBuckets | null =>
    perMinute === 0 ? null : createTokenBuckets({ perMinute, entriesMax: RATE_ENTRIES_MAX });
  const ofKeys = bucketsOf(callRate);
  const ofAddresses = bucketsOf(publicCallRate);
  return {
    count(keyId, exchange) {
      const verdict = keyId === null ? ofAddresses?.take(networkOf(exchange.clientAddress), clock.now()) : ofKeys?.take(keyId, clock.now());
      if (verdict !== undefined) judge(verdict, exchange);
    },
  };
}

function judge({ isAllowed, limit, remaining, resetSec, retryAfterSec }: RateVerdict, exchange: Exchange): void {
  exchange.addHeader("X-RateLimit-Limit", String(limit));
  exchange.addHeader("X-RateLimit-Remaining", String(remaining));
  exchange.addHeader("X-RateLimit-Reset", String(resetSec));
  if (!isAllowed) throw fail("rate_limited", undefined, { details: { limit, window: "60s", retry_after: retryAfterSec } });
}
