import assert from "node:assert/strict";
import { test } from "node:test";
import type { SendOutcome } from "../ports/notification-sender.ts";
import { afterAttempt, isGone, JITTER, RETRY_AFTER_MAX_MS, RETRY_MS } from "./attempt.ts";
import type { NotificationRecord } from "./record.ts";

const pending: NotificationRecord = {
  runId: "run-a",
  teamId: "team-a",
  endpointId: "ep-a",
  url: "https://receiver.example/",
  status: "pending",
  attempts: 0,
  nextAttemptAt: 1000,
  lastStatus: null,
  lastError: null,
  claimedUntil: 5000,
  createdAt: 1000,
};
const answered = (status: number, retryAfterMs: number | null = null): SendOutcome => ({ kind: "answered", status, retryAfterMs });

test("waits 5 s, 30 s, 2 min, 10 min, 1 h and 6 h, up to a fifth longer, and gives up after the seventh attempt", () => {
  assert.deepEqual(RETRY_MS, [5000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000]);
  for (const [attempts, wait] of RETRY_MS.entries()) {
    const shortest = afterAttempt({ ...pending, attempts }, answered(503), 10_000, 0);
    assert.deepEqual(shortest, {
      status: "pending",
      attempts: attempts + 1,
      nextAttemptAt: 10_000 + wait,
      lastStatus: 503,
      lastError: "It answered 503.",
    });
    const longest = afterAttempt({ ...pending, attempts }, answered(503), 10_000, 0.999_999);
    assert.ok((longest.nextAttemptAt ?? 0) > 10_000 + wait && (longest.nextAttemptAt ?? 0) <= 10_000 + wait * (1 + JITTER));
  }
  const last = afterAttempt({ ...pending, attempts: RETRY_MS.length }, answered(503), 10_000, 0);
  assert.deepEqual(last, { status: "failed", attempts: 7, nextAttemptAt: null, lastStatus: 503, lastError: "It answered 503." });
});

test("any 2xx is a delivery, however late", () => {
  for (const status of [200, 201, 202, 204, 299])
    assert.deepEqual(afterAttempt({ ...pending, attempts: 6 }, answered(status), 1, 0), {
      status: "delivered",
      attempts: 7,
      nextAttemptAt: null,
      lastStatus: status,
      lastError: null,
    });
});

test("a 4xx is final but for 408, 425 and 429; a 3xx, a 5xx and no answer are tried again; a refused address never", () => {
  const statusOf = (outcome: SendOutcome): string => afterAttempt(pending, outcome, 1, 0).status;
  for (const status of [400, 401, 403, 404, 405, 410, 413, 418, 422, 451, 499])
    assert.equal(statusOf(answered(status)), "failed", String(status));
  for (const status of [301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599])
    assert.equal(statusOf(answered(status)), "pending", String(status));
  assert.equal(statusOf({ kind: "unanswered", message: "The connection was refused." }), "pending");
  assert.equal(statusOf({ kind: "refused", message: "no" }), "failed");
  assert.match(afterAttempt(pending, answered(302), 1, 0).lastError ?? "", /Redirects are not followed/);
  assert.deepEqual(
    [404, 410].map((status) => isGone(answered(status))),
    [false, true],
  );
});

test("waits longer when the receiver asks for it, but never shorter and never for ever", () => {
  const wait = (retryAfterMs: number, status = 429): number =>
    afterAttempt(pending, answered(status, retryAfterMs), 0, 0).nextAttemptAt ?? 0;
  assert.equal(wait(60_000), 60_000);
  assert.equal(wait(60_000, 503), 60_000);
  assert.equal(wait(0), RETRY_MS[0]);
  assert.equal(wait(10 * RETRY_AFTER_MAX_MS), RETRY_AFTER_MAX_MS);
});
