import { isTicket } from "../core/access/tickets.ts";
import { invalid } from "../core/fail.ts";
import { isPercentText } from "./percent-text.ts";

/** The ticket in a URL's query, if there is one. */
export function ticketIn(url: string): string | null {
  const at = url.indexOf("?");
  // Most URLs have none, and this is looked at for each call.
  if (at === -1 || !url.includes("ticket=", at)) return null;
  const text = new URLSearchParams(url.slice(at + 1)).get("ticket");
  return text !== null && isTicket(text) ? text : null;
}

/** The query of a URL, without a ticket: that is nobody's business from here on. */
export function queryOf(url: string): URLSearchParams {
  const at = url.indexOf("?");
  const query = new URLSearchParams(at === -1 ? "" : url.slice(at + 1));
  for (const text of query.getAll("ticket")) if (isTicket(text)) query.delete("ticket", text);
  return query;
}

/** Path and query in one spelling, whichever prefix it came under, without a ticket. */
export function requestPath(url: string): string {
  const [path = ""] = url.split("?", 1);
  const query = queryOf(url);
  query.sort();
  return path.replace(/^\/api(?=\/v1\/)/, "") + (query.size === 0 ? "" : `?${query.toString()}`);
}

/** Throws `invalid_request` for a query that is no text: it would name another file, or give another value. */
export function requireTextQuery(url: string): void {
  const at = url.indexOf("?");
  if (at !== -1 && !isPercentText(url.slice(at + 1))) throw invalid("query", "is not valid UTF-8");
}
