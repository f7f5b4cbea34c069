import type { Pass } from "./port-route.ts";

/** Headers of one connection, which the next one says for itself. */
const OWN: ReadonlySet<string> = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);

/** A request's headers as the server is to get them: in the port's own name, and with what lets it in. `rawHeaders` are names and values in turn. */
export function requestHeaders(rawHeaders: readonly string[], local: string, pass: Pass, upgrade: string | undefined): string[] {
  const headers = ["Host", pass.host];
  const cookies: string[] = [];
  for (const [name, value] of pairs(rawHeaders)) {
    const lower = name.toLowerCase();
    if (lower === "cookie") cookies.push(value);
    else if (lower === "origin" || lower === "referer") headers.push(name, replaced(value, `http://${local}`, pass.origin));
    else if (!OWN.has(lower)) headers.push(name, value);
  }
  headers.push("Cookie", [...cookies, pass.cookie].join("; "));
  if (upgrade !== undefined) headers.push("Connection", "Upgrade", "Upgrade", upgrade);
  return headers;
}

/** An answer's headers as the local client is to get them: redirects to the port's own name lead to the local one. */
export function answerHeaders(rawHeaders: readonly string[], local: string, pass: Pass): string[] {
  return pairs(rawHeaders).flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    if (OWN.has(lower)) return [];
    return [name, lower === "location" ? replaced(value, pass.origin, `http://${local}`) : value];
  });
}

/** Whether a request asks for this machine, not for a name that a page elsewhere has made to lead here. */
export function isLocalHost(host: string | undefined): boolean {
  return host !== undefined && /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}

/** The same with another origin, where it has this one. */
function replaced(value: string, from: string, to: string): string {
  return value === from || value.startsWith(`${from}/`) || value.startsWith(`${from}?`) ? `${to}${value.slice(from.length)}` : value;
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ""] as const] : []));
}
