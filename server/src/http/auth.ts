import type { IncomingMessage } from "node:http";
import type { Operation } from "@capsuled/contract";
import type { Principal } from "../core/access/principal.ts";
import type { AccessService } from "../core/access/service.ts";
import type { Tickets } from "../core/access/tickets.ts";
import { fail } from "../core/fail.ts";
import { parseEventId } from "./calls/event-id.ts";
import { requestPath, ticketIn } from "./request-target.ts";

/** Characters of the longest header that is looked at as a key. */
export const KEY_CHARS_MAX = 100;

const BAD_TICKET =
  "The ticket is used, older than 30 s, unknown, or for another request: make a new one for this path with POST /v1/tickets.";

/**
 * The caller of an operation, `null` where none is needed and none is told. Throws `unauthorized`, and `forbidden` for a role that
 * does not suffice. A promise only where the access service has to ask its store.
 */
export function admit(
  { access, tickets }: { readonly access: AccessService; readonly tickets: Tickets },
  operation: Operation,
  { headers, method, url = "" }: Pick<IncomingMessage, "headers" | "method" | "url">,
): Principal | null | Promise<Principal> {
  if (operation.auth === "none") return null;
  const keyText = headers["x-api-key"];
  if (keyText === undefined) {
    const ticket = operation.takesTicket === true ? ticketIn(url) : null;
    if (ticket !== null) {
      const principal = tickets.redeem(ticket, `${method} ${requestPath(url)}`, lastRunOf(headers));
      if (principal === undefined) throw fail("unauthorized", BAD_TICKET);
      return checked(operation, principal);
    }
    if (operation.auth === "optional") return null;
  }
  if (typeof keyText !== "string" || keyText.length === 0 || keyText.length > KEY_CHARS_MAX) throw fail("unauthorized");
  const found = access.authenticate(keyText);
  return found instanceof Promise ? found.then((principal) => checked(operation, principal)) : checked(operation, found);
}

function checked(operation: Operation, principal: Principal | undefined): Principal {
  if (principal === undefined) throw fail("unauthorized");
  if (operation.auth === "admin" && principal.role !== "admin") throw fail("forbidden");
  return principal;
}

/** The run whose events the caller was reading. */
function lastRunOf(headers: IncomingMessage["headers"]): string | null {
  const id = headers["last-event-id"];
  return typeof id === "string" ? (parseEventId(id)?.runId ?? null) : null;
}
