/** Which browsers' pages may use the API. */
export interface CorsPolicy {
  allows(origin: string): boolean;
  /** Adds what lets the page of a listed origin read the answer. */
  addHeaders(origin: string | undefined, headers: string[]): void;
  /** Adds what a preflight of a listed origin asks for. */
  addPreflightHeaders(origin: string | undefined, methods: readonly string[], headers: string[]): void;
}

/** Seconds that a browser may remember a preflight's answer. */
const PREFLIGHT_SECONDS = 600;

export function createCorsPolicy(origins: readonly string[]): CorsPolicy {
  const listed = new Set(origins.map((origin) => origin.toLowerCase().replace(/\/$/, "")));
  const allows = (origin: string): boolean => listed.has(origin.toLowerCase());
  return {
    allows,
    addHeaders(origin, headers) {
      if (listed.size === 0) return;
      headers.push("Vary", "Origin");
      if (origin === undefined || !allows(origin)) return;
      headers.push(
        "Access-Control-Allow-Origin",
        origin,
        "Access-Control-Expose-Headers",
        "X-Request-Id, Capsuled-Version, X-Truncated, Retry-After, Idempotent-Replayed, X-Output-From, X-Output-Gap-Bytes, X-Output-Total, X-Output-Ended, X-Run-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Ignored-Fields",
      );
    },
    addPreflightHeaders(origin, methods, headers) {
      if (origin === undefined || !allows(origin)) return;
      headers.push(
        "Access-Control-Allow-Methods",
        methods.join(", "),
        "Access-Control-Allow-Headers",
        "X-API-Key, Content-Type, Idempotency-Key, Last-Event-ID",
      );
      headers.push("Access-Control-Max-Age", String(PREFLIGHT_SECONDS));
    },
  };
}
