import { createBoundedCache } from "./bounded-cache.ts";

/** What a call was told by its bucket. */
export interface RateVerdict {
  readonly isAllowed: boolean;
  /** Calls per minute, and at once. */
  readonly limit: number;
  /** Calls that may follow at once. */
  readonly remaining: number;
  /** Seconds until the bucket is full again. */
  readonly resetSec: number;
  /** Seconds until the next call is allowed; 0 when it is now. */
  readonly retryAfterSec: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** One bucket for each name: it holds a minute's calls and fills steadily. */
export interface TokenBuckets {
  /** `now` is unix milliseconds. */
  take(name: string, now: number): RateVerdict;
}

/** At most `entriesMax` buckets: the least recently used one is forgotten, which is to be full again. */
export function createTokenBuckets(options: { readonly perMinute: number; readonly entriesMax: number }): TokenBuckets {
  const { perMinute: limit, entriesMax } = options;
  const perMs = limit / 60_000;
  const buckets = createBoundedCache<Bucket>({ entriesMax });
  return {
    take(name, now) {
      const known = buckets.get(name);
      const bucket = known ?? { tokens: limit, at: now };
      if (known === undefined) buckets.set(name, bucket);
      // A clock that was set back gives nothing.
      bucket.tokens = Math.min(limit, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
      bucket.at = now;
      const isAllowed = bucket.tokens >= 1;
      if (isAllowed) bucket.tokens -= 1;
      return {
        isAllowed,
        limit,
        remaining: Math.floor(bucket.tokens),
        resetSec: Math.ceil((limit - bucket.tokens) / perMs / 1000),
        retryAfterSec: isAllowed ? 0 : Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1000)),
      };
    },
  };
}
