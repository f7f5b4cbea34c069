import type { IncomingMessage } from "node:http";
import { clientAddressOf } from "../client-address.ts";
import type { PortAddress } from "./address.ts";

/** The cookie that a signed link leaves on the port's own host name. */
export const PORT_COOKIE = "capsuled_port";
/** The parameter that a signed link carries. */
export const PORT_TOKEN = "capsuled_token";

/** Of one connection only, so never passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Said anew here, so that nobody can say them for us; `expect` was answered by our own server. */
const RESTATED: ReadonlySet<string> = new Set([
  "expect",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-real-ip",
]);
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

type Pair = readonly [name: string, value: string];

/** Names and values as they came, in their order, doubles included. */
export function pairsOf(rawHeaders: readonly string[]): readonly Pair[] {
  const pairs: Pair[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return pairs;
}

/** Headers that are for both ends. */
function endToEnd(rawHeaders: readonly string[]): readonly Pair[] {
  const pairs = pairsOf(rawHeaders);
  const named = new Set(
    pairs.flatMap(([name, value]) =>
      name.toLowerCase() === "connection" ? value.split(",").map((part) => part.trim().toLowerCase()) : [],
    ),
  );
  return pairs.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()));
}

/** What the capsule gets of a request's headers: neither our keys nor our cookies, and the truth about where it comes from. */
export function requestHeaders(request: IncomingMessage, address: PortAddress): string[] {
  const headers: string[] = [];
  for (const [name, value] of endToEnd(request.rawHeaders)) {
    const lower = name.toLowerCase();
    if (RESTATED.has(lower) || (lower === "x-api-key" && value.trim().startsWith("wrn_"))) continue;
    if (lower === "host" && address.form === "path") continue;
    const passed = lower === "cookie" ? withoutOurCookies(value) : value;
    if (passed !== "") headers.push(name, passed);
  }
  if (address.form === "path") headers.push("Host", `localhost:${address.port ?? ""}`, "X-Forwarded-Prefix", address.prefix);
  if (hasBody(request) && request.headers["content-length"] === undefined) headers.push("Transfer-Encoding", "chunked");
  const isProxied = LOOPBACK.test(request.socket.remoteAddress ?? "");
  const before = isProxied ? textOf(request.headers["x-forwarded-for"]) : "";
  const peer = request.socket.remoteAddress ?? "";
  headers.push("X-Forwarded-For", before === "" ? peer : `${before}, ${peer}`);
  headers.push("X-Forwarded-Host", (isProxied && textOf(request.headers["x-forwarded-host"])) || (request.headers.host ?? ""));
  headers.push("X-Forwarded-Proto", schemeOf(request));
  headers.push("X-Real-IP", clientAddressOf(request));
  return headers;
}

/** `https` where the proxy on this machine says so. */
export function schemeOf(request: IncomingMessage): "http" | "https" {
  const isProxied = LOOPBACK.test(request.socket.remoteAddress ?? "");
  return isProxied && textOf(request.headers["x-forwarded-proto"]).split(",")[0]?.trim() === "https" ? "https" : "http";
}

/** What the client gets of an answer's headers. Below a path of the API's the page is nobody: it has no origin and sets no cookies. */
export function responseHeaders(response: IncomingMessage, { form, prefix }: PortAddress): string[] {
  const headers: string[] = [];
  for (const [name, value] of endToEnd(response.rawHeaders)) {
    const lower = name.toLowerCase();
    if (form === "path" && (lower === "set-cookie" || lower === "clear-site-data" || lower === "service-worker-allowed")) continue;
    headers.push(name, form === "path" && lower === "location" && /^\/(?!\/)/.test(value) ? `${prefix}${value}` : value);
  }
  if (form === "path") headers.push("Content-Security-Policy", "sandbox");
  return headers;
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] !== undefined && headers["content-length"] !== "0");
}

/** The values of our cookie; a page of another port may have planted more of them. */
export function ourCookies(header: string | undefined): readonly string[] {
  return cookies(header).flatMap((cookie) => (isOurs(cookie) ? [cookie.slice(PORT_COOKIE.length + 1)] : []));
}

function withoutOurCookies(header: string): string {
  return cookies(header)
    .filter((cookie) => !isOurs(cookie))
    .join("; ");
}

function cookies(header: string | undefined): readonly string[] {
  return (header ?? "")
    .split(";")
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== "");
}

function isOurs(cookie: string): boolean {
  return cookie.startsWith(`${PORT_COOKIE}=`);
}

function textOf(value: string | string[] | undefined): string {
  return typeof value === "string" ? value : (value?.join(", ") ?? "");
}
