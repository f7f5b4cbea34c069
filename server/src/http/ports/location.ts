import type { IncomingMessage } from "node:http";
import type { PortAddress } from "./address.ts";
import { schemeOf } from "./request-headers.ts";

/**
 * Where a redirect of a capsule's program leads, for the client; `null` where it must not be followed. Programs repeat their headers,
 * the key among them, wherever a redirect leads: so with a key none leads away from the port. And below a path of the API's none leads
 * to the API. It is said in a way that nobody reads differently.
 */
export function locationFor(value: string, request: IncomingMessage, address: PortAddress, isKeyed: boolean): string | null {
  const { form, prefix, port, target } = address;
  const scheme = schemeOf(request);
  const own = urlOf(`${scheme}://${request.headers.host ?? ""}`);
  // As the program sees itself: below a path it knows neither the prefix nor, unless it reads X-Forwarded-Host, our name.
  const seen = form === "path" ? urlOf(`http://localhost:${port ?? ""}`) : own;
  const url = seen === null ? null : urlOf(value, seen.origin + target);
  if (url === null || seen === null) return null;
  const isOwn = own !== null && isSameHost(url, own);
  if (form === "path" && (isOwn || isSameHost(url, seen))) {
    return url.pathname.startsWith(`${prefix}/`) ? pathOf(url) : prefix + url.pathname + url.search + url.hash;
  }
  if (!isOwn || (isKeyed && scheme === "https" && url.protocol === "http:")) return isKeyed ? null : url.href;
  // An address in full may be meant to change the scheme.
  return /^https?:\/\//i.test(value) ? url.href : pathOf(url);
}

function urlOf(text: string, base?: string): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null;
}

function isSameHost(url: URL, other: URL): boolean {
  return (url.protocol === "http:" || url.protocol === "https:") && url.host === other.host;
}

function pathOf({ pathname, search, hash }: URL): string {
  // Two slashes at the start would begin a host's name.
  return `${pathname.startsWith("//") ? "/." : ""}${pathname}${search}${hash}`;
}
