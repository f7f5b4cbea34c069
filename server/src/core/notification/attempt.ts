import type { SendOutcome } from "../ports/notification-sender.ts";
import type { NotificationRecord } from "./record.ts";
import type { NotificationChange } from "./store.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Milliseconds from an attempt that failed to the next one; after the last there is none. */
export const RETRY_MS = [5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS] as const;
/** A wait is up to this part longer, by chance, so that what failed together does not come back together. */
export const JITTER = 0.2;
/** What `Retry-After` may ask for at most; milliseconds. */
export const RETRY_AFTER_MAX_MS = 6 * HOUR_MS;

/** Statuses below 500 that say "later", not "never". */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

/** What an attempt comes to. `chance` is from 0 up to 1. */
export function afterAttempt(seen: NotificationRecord, outcome: SendOutcome, now: number, chance: number): NotificationChange {
  const attempts = seen.attempts + 1;
  const lastStatus = outcome.kind === "answered" ? outcome.status : null;
  if (lastStatus !== null && lastStatus >= 200 && lastStatus < 300)
    return { status: "delivered", attempts, nextAttemptAt: null, lastStatus, lastError: null };
  const lastError = describe(outcome);
  const wait = RETRY_MS[seen.attempts];
  if (wait === undefined || isFinal(outcome)) return { status: "failed", attempts, nextAttemptAt: null, lastStatus, lastError };
  const asked = outcome.kind === "answered" ? Math.min(outcome.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS) : 0;
  const nextAttemptAt = now + Math.max(asked, Math.round(wait * (1 + JITTER * chance)));
  return { status: "pending", attempts, nextAttemptAt, lastStatus, lastError };
}

/** The receiver wants nothing of this endpoint any more. */
export function isGone(outcome: SendOutcome): boolean {
  return outcome.kind === "answered" && outcome.status === 410;
}

function isFinal(outcome: SendOutcome): boolean {
  switch (outcome.kind) {
    case "answered":
      return outcome.status >= 400 && outcome.status < 500 && !LATER.has(outcome.status);
    case "refused":
      return true;
    case "unanswered":
      return false;
  }
}

function describe(outcome: SendOutcome): string {
  if (outcome.kind !== "answered") return outcome.message;
  const text = `It answered ${outcome.status}.`;
  return outcome.status >= 300 && outcome.status < 400 ? `${text} Redirects are not followed.` : text;
}
