import type { IncomingMessage } from "node:http";
import { fail, invalid } from "../../core/fail.ts";
import type { PortTarget } from "../../core/port/service.ts";
import { KEY_CHARS_MAX } from "../auth.ts";
import type { RouteDeps } from "../deps.ts";
import type { PortAddress } from "./address.ts";
import { ourCookies } from "./cookies.ts";
import { carriesKey } from "./request-headers.ts";
import { splitToken } from "./token.ts";

/** A request that may go on. */
export interface PortOpening {
  readonly kind: "open";
  readonly target: PortTarget;
  /** Path and query for the capsule, without our token. */
  readonly url: string;
  /** The key that let it in; `null` for a link and a public port. */
  readonly keyId: string | null;
  /** Whether the request holds a key, be it needed or not. */
  readonly isKeyed: boolean;
}

/** A page that is to come back with its token as a cookie. */
export interface PortRedirect {
  readonly kind: "redirect";
  readonly url: string;
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** What browsers ask for as a page, or as something that acts for one. */
const PAGES: ReadonlySet<string> = new Set([
  "document",
  "embed",
  "fencedframe",
  "frame",
  "iframe",
  "object",
  "serviceworker",
  "sharedworker",
  "worker",
]);

/**
 * Lets in whoever has a key of the capsule's team, a signed link to this port, or asks for a public one. Everyone else hears the same,
 * whether the capsule is there or not. Throws `CapsuledError`.
 */
export async function portAccess(
  { access, ports }: Pick<RouteDeps, "access" | "ports">,
  request: IncomingMessage,
  { capsuleId, port, form, target }: PortAddress,
): Promise<PortOpening | PortRedirect> {
  if (port === null) throw invalid("port", "must be a whole number from 1 to 65535");
  if (!target.startsWith("/")) throw fail("invalid_request", "The request's target is no path.");
  const { url, token } = splitToken(target);
  const isKeyed = carriesKey(request);
  const opened = (opening: PortTarget, keyId: string | null = null): PortOpening => ({
    kind: "open",
    target: opening,
    url,
    keyId,
    isKeyed,
  });
  if (ports.isPublic(capsuleId, port)) {
    refuseDocument(request, form);
    return opened(await ports.openPublic(capsuleId, port));
  }
  const key = request.headers["x-api-key"];
  if (typeof key === "string" && key.startsWith("wrn_")) {
    const principal = key.length > KEY_CHARS_MAX ? undefined : await access.authenticate(key);
    if (principal === undefined) throw fail("unauthorized");
    refuseDocument(request, form);
    const opening = await ports.open(principal, capsuleId, port);
    // It may have been revoked while the capsule was woken.
    if ((await access.authenticate(key)) === undefined) throw fail("unauthorized");
    return opened(opening, principal.keyId);
  }
  const expiresAt = token === null ? undefined : ports.expiryOf(token, capsuleId, port);
  if (token !== null && expiresAt !== undefined) {
    if (form === "host" && request.method === "GET" && request.headers.upgrade === undefined)
      return { kind: "redirect", url, token, expiresAt };
    refuseDocument(request, form);
    return opened(await ports.openSigned(token, capsuleId, port));
  }
  const cookies = form === "host" && isOwnPages(request) ? ourCookies(request.headers.cookie) : [];
  const good = cookies.find((value) => ports.expiryOf(value, capsuleId, port) !== undefined);
  if (good === undefined) throw fail("unauthorized", "This port is private: send a key in X-API-Key, or open a signed link to it.");
  return opened(await ports.openSigned(good, capsuleId, port));
}

/** On the API's own origin no page of a capsule is shown. */
function refuseDocument({ headers }: IncomingMessage, form: PortAddress["form"]): void {
  const destination = headers["sec-fetch-dest"];
  if (form !== "path" || ((typeof destination !== "string" || !PAGES.has(destination)) && headers["service-worker"] === undefined)) return;
  throw fail("forbidden", "Pages of capsules are not shown below the API's own address: use the port's host name.");
}

/** A cookie counts for the port's own pages, and where somebody goes to one of them: other sites' pages cannot use it. */
function isOwnPages({ headers, method }: IncomingMessage): boolean {
  const { origin, host, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination } = headers;
  if (mode === "navigate" && destination === "document" && (method === "GET" || method === "HEAD")) return true;
  if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)) return false;
  return site === undefined || site === "same-origin" || site === "none";
}
