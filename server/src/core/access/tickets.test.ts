import assert from "node:assert/strict";
import test from "node:test";
import { createIds } from "../../lib/node/ids.ts";
import type { Principal } from "./principal.ts";
import { isTicket, TICKET_LIMITS, Tickets } from "./tickets.ts";

const principal: Principal = { keyId: "key-1", teamId: "team-1", role: "member", isFirstTeam: false };
const RUN = "run-1";

function world(): { readonly tickets: Tickets; now: number } {
  const at = { now: 1_000_000 };
  return Object.assign(at, { tickets: new Tickets({ now: () => at.now }, createIds()) });
}

test("a ticket lets in once, for its own request only", () => {
  const { tickets } = world();
  const { text } = tickets.issue(principal, "GET /v1/a/b");
  assert.ok(isTicket(text));
  assert.equal(tickets.redeem(text, "POST /v1/a/b", null), undefined);
  assert.equal(tickets.redeem(text, "GET /v1/a/c", null), undefined);
  assert.equal(tickets.redeem(text, "GET /v1/a/b", null), principal);
  assert.equal(tickets.redeem(text, "GET /v1/a/b", null), undefined);
  assert.equal(tickets.redeem("tk-0000000000000000000000000", "GET /v1/a/b", null), undefined);
});

test(`a ticket that nobody uses is good for ${TICKET_LIMITS.freshMs / 1000} s`, () => {
  const at = world();
  const first = at.tickets.issue(principal, "GET /x");
  const second = at.tickets.issue(principal, "GET /x");
  assert.equal(first.expiresAt, at.now + TICKET_LIMITS.freshMs);
  at.now += TICKET_LIMITS.freshMs;
  assert.equal(at.tickets.redeem(first.text, "GET /x", null), principal);
  at.now += 1;
  assert.equal(at.tickets.redeem(second.text, "GET /x", null), undefined);
});

test("a spent ticket lets its reader come back to the run that it began, and to no other, for an hour", () => {
  const at = world();
  const { text } = at.tickets.issue(principal, "GET /x");
  at.tickets.redeem(text, "GET /x", null);
  assert.equal(at.tickets.redeem(text, "GET /x", RUN), undefined, "it has begun none yet");
  at.tickets.bind(text, RUN);
  assert.equal(at.tickets.redeem(text, "GET /x", RUN), principal);
  assert.equal(at.tickets.redeem(text, "GET /x", RUN), principal, "as often as it is cut off");
  assert.equal(at.tickets.redeem(text, "GET /x", "run-2"), undefined);
  assert.equal(at.tickets.redeem(text, "GET /x", null), undefined, "without an event it would begin another run");
  at.now += TICKET_LIMITS.returnMs + 1;
  assert.equal(at.tickets.redeem(text, "GET /x", RUN), undefined);
});

test("a revoked key's tickets are worth nothing", () => {
  const { tickets } = world();
  const { text } = tickets.issue(principal, "GET /x");
  const other = tickets.issue({ ...principal, keyId: "key-2" }, "GET /x");
  tickets.revoke("key-1");
  assert.equal(tickets.redeem(text, "GET /x", null), undefined);
  assert.notEqual(tickets.redeem(other.text, "GET /x", null), undefined);
});

test(`a team has at most ${TICKET_LIMITS.teamMax} tickets that were not used; they make room when they are too old`, () => {
  const at = world();
  for (let count = 0; count < TICKET_LIMITS.teamMax; count += 1) at.tickets.issue(principal, "GET /x");
  assert.throws(() => at.tickets.issue(principal, "GET /x"), { code: "quota_exceeded" });
  at.tickets.issue({ ...principal, teamId: "team-2" }, "GET /x");
  at.now += TICKET_LIMITS.freshMs + 1;
  at.tickets.issue(principal, "GET /x");
});
