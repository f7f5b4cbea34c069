import { ApiError } from "../api-errors.ts";
import { ConnectionError, RequestTimeoutError } from "../errors.ts";
import { backoffMs } from "./timing.ts";

/** Refusals that pass by themselves, before which nothing was done. A full host or a full quota is the caller's to wait for. */
const NOTHING_DONE: ReadonlySet<string> = new Set(["rate_limited", "request_timeout", "shutting_down"]);

/** Answers that pass by themselves, and do not say what was done. */
const PASSING: ReadonlySet<string> = new Set(["idempotency_in_progress", "unavailable"]);

/** Milliseconds for which a server that has never answered this client is tried. */
const UNSEEN_MS = 1_000;

/** Milliseconds after which a connection has been a good one, whatever came over it. */
export const LIVED_MS = 5_000;

/** Decides whether a request is sent again. One for each request. */
export class Retry {
  readonly #began = performance.now();
  readonly #forMs: number;
  #hasAnswered: boolean;
  #attempt = 0;

  /** `hasAnswered`: whether the server has ever answered this client. */
  constructor(retryForMs: number, hasAnswered: boolean) {
    this.#forMs = retryForMs;
    this.#hasAnswered = hasAnswered;
  }

  /**
   * Milliseconds to wait before the next attempt; `null` for none. `isRepeatable`: a repeat has the same outcome as one request.
   */
  next(error: unknown, isRepeatable: boolean): number | null {
    if (!helps(error, isRepeatable)) return null;
    // What took the request and broke off is there, whether it has ever answered or not.
    this.#hasAnswered ||= error instanceof ApiError || (error instanceof ConnectionError && error.outcome === "unknown");
    const asked = error instanceof ApiError && error.retryAfterSec !== null ? error.retryAfterSec * 1000 : 0;
    const wait = Math.max(asked, backoffMs(this.#attempt));
    this.#attempt += 1;
    const forMs = this.#hasAnswered ? this.#forMs : Math.min(this.#forMs, UNSEEN_MS);
    return performance.now() + wait > this.#began + forMs ? null : wait;
  }
}

function helps(error: unknown, isRepeatable: boolean): boolean {
  if (error instanceof ApiError) return NOTHING_DONE.has(error.code) || (isRepeatable && PASSING.has(error.code));
  if (error instanceof ConnectionError) return isRepeatable || error.outcome === "nothing_done";
  return error instanceof RequestTimeoutError && isRepeatable;
}

/** Errors that another connection may mend. */
export function isConnectionTrouble(error: unknown): boolean {
  if (error instanceof ApiError) return error.code === "unavailable" || error.code === "shutting_down";
  return error instanceof ConnectionError || error instanceof RequestTimeoutError;
}

/** Answers that do not say what has become of the request. */
const OUTCOME_UNKNOWN: ReadonlySet<string> = new Set(["internal_error", "agent_error", "idempotency_in_progress", "unavailable"]);

/** Whether what was asked may have been done without a word; `null` for an error that says nothing of requests before it. */
export function leavesOpen(error: unknown): boolean | null {
  if (error instanceof ApiError) {
    return OUTCOME_UNKNOWN.has(error.code);
  }
  if (error instanceof RequestTimeoutError) return true;
  return error instanceof ConnectionError && error.outcome === "unknown" ? true : null;
}
