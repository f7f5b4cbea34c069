import { createBoundedCache } from "../../lib/bounded-cache.ts";
import { fail } from "../fail.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Principal } from "./principal.ts";

export const TICKET_LIMITS = {
  /** Milliseconds in which a ticket has to be used. */
  freshMs: 30_000,
  /** Milliseconds for which a used one lets its reader come back to the run that it began. */
  returnMs: 3_600_000,
  /** Tickets of this server, and unused ones of one team; the oldest make room. */
  ticketsMax: 10_000,
  teamMax: 1000,
} as const;

const TICKET = /^tk-[0-9a-z]{25}$/;

interface Held {
  readonly principal: Principal;
  /** Method, path and query. */
  readonly request: string;
  readonly issuedAt: number;
  use: "none" | "spent" | { readonly runId: string };
}

/** Whether a text could be a ticket. */
export function isTicket(text: string): boolean {
  return TICKET.test(text);
}

/** Stand-ins for keys, for one request each, in this server's memory. */
export class Tickets {
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #held = createBoundedCache<Held>({ entriesMax: TICKET_LIMITS.ticketsMax });

  constructor(clock: Clock, ids: Ids) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /** Throws `quota_exceeded` when a team has too many that nobody used. */
  issue(principal: Principal, request: string): { readonly text: string; readonly expiresAt: number } {
    const now = this.#clock.now();
    this.#forgetOld(now);
    let unused = 0;
    for (const [, held] of this.#held.entries()) if (held.principal.teamId === principal.teamId && held.use === "none") unused += 1;
    if (unused >= TICKET_LIMITS.teamMax) throw fail("quota_exceeded", "The team has too many tickets that were not used.");
    const text = this.#ids.next("tk");
    this.#held.set(text, { principal, request, issuedAt: now, use: "none" });
    return { text, expiresAt: now + TICKET_LIMITS.freshMs };
  }

  /**
   * Whose ticket it is, and spends it; `undefined` for one that is unknown, too old, spent, or for another request. A spent one lets in
   * again only a reader that comes back to the run which it began: `runId` is the run of the event that the reader had last.
   */
  redeem(text: string, request: string, runId: string | null): Principal | undefined {
    const held = this.#held.get(text);
    if (held === undefined || held.request !== request) return undefined;
    const age = this.#clock.now() - held.issuedAt;
    if (held.use === "none") {
      if (age > TICKET_LIMITS.freshMs) return undefined;
      held.use = "spent";
      return held.principal;
    }
    const isReturn = typeof held.use === "object" && held.use.runId === runId && age <= TICKET_LIMITS.returnMs;
    return isReturn ? held.principal : undefined;
  }

  /** The run that a spent ticket's request began, or is reading. */
  bind(text: string, runId: string): void {
    const held = this.#held.get(text);
    if (held !== undefined) held.use = { runId };
  }

  /** A key that was revoked takes its tickets with it. */
  revoke(keyId: string): void {
    for (const [text, held] of this.#held.entries()) if (held.principal.keyId === keyId) this.#held.delete(text);
  }

  #forgetOld(now: number): void {
    for (const [text, { use, issuedAt }] of this.#held.entries()) {
      if (now - issuedAt > (typeof use === "object" ? TICKET_LIMITS.returnMs : TICKET_LIMITS.freshMs)) this.#held.delete(text);
    }
  }
}
