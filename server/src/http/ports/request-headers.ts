import type { IncomingMessage } from "node:http";
import { invalid } from "../../core/fail.ts";
import { clientAddressOf } from "../client-address.ts";
import type { PortAddress } from "./address.ts";
import { withoutOurCookies } from "./cookies.ts";
import { endToEnd } from "./header-pairs.ts";
import { splitToken } from "./token.ts";

/** Said anew here, so that nobody can say them for us; `expect` was answered by our own server. With `_` programs take them for the same. */
const RESTATED: ReadonlySet<string> = new Set([
  "expect",
  "forwarded",
  "host",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-real-ip",
]);
/** Headers that may hold a key of ours. */
const KEYED: ReadonlySet<string> = new Set(["x-api-key", "authorization"]);
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** How a request's body is framed on its way to the capsule. */
export type Framing = { readonly kind: "none" | "chunked" } | { readonly kind: "length"; readonly bytes: string };

/** Throws `invalid_request` for a framing that the capsule's program might read in another way than this server did. */
export function framingOf({ headers }: IncomingMessage): Framing {
  const coding = headers["transfer-encoding"];
  if (coding !== undefined) {
    if (coding.trim().toLowerCase() !== "chunked") throw invalid("transfer-encoding", "only chunked is taken");
    return { kind: "chunked" };
  }
  const bytes = headers["content-length"];
  return bytes === undefined ? { kind: "none" } : { kind: "length", bytes };
}

export function hasBody(framing: Framing): boolean {
  return framing.kind === "chunked" || (framing.kind === "length" && framing.bytes !== "0");
}

/** Whether a request carries something that looks like a key of ours, be it good or not. */
export function carriesKey({ headers }: IncomingMessage): boolean {
  return [...KEYED].some((name) => textOf(headers[name]).includes("wrn_"));
}

/** What the capsule gets of a request's headers: neither our keys nor our cookies, and the truth about where it comes from. */
export function requestHeaders(request: IncomingMessage, address: PortAddress, framing: Framing): string[] {
  const headers = ["Host", address.form === "path" ? `localhost:${address.port ?? ""}` : (request.headers.host ?? "")];
  for (const [lower, name, value] of endToEnd(request.rawHeaders)) {
    if (RESTATED.has(lower.replaceAll("_", "-")) || (KEYED.has(lower) && value.includes("wrn_"))) continue;
    const passed = lower === "cookie" ? withoutOurCookies(value) : lower === "referer" ? splitToken(value).url : value;
    if (passed !== "" || lower !== "cookie") headers.push(name, passed);
  }
  headers.push(...framingHeaders(request.method ?? "GET", framing), ...forwardedHeaders(request, address));
  return headers;
}

/** Who a proxy on this machine says that it stands for is believed, as everywhere in this server. */
function forwardedHeaders(request: IncomingMessage, { form, prefix }: PortAddress): readonly string[] {
  const peer = request.socket.remoteAddress ?? "";
  const isProxied = LOOPBACK.test(peer);
  const before = isProxied ? textOf(request.headers["x-forwarded-for"]) : "";
  const host = (isProxied && textOf(request.headers["x-forwarded-host"])) || (request.headers.host ?? "");
  const scheme = schemeOf(request);
  const headers = ["X-Forwarded-For", before === "" ? peer : `${before}, ${peer}`, "X-Forwarded-Host", host];
  headers.push("X-Forwarded-Port", /:(\d+)$/.exec(host)?.[1] ?? (scheme === "https" ? "443" : "80"));
  headers.push("X-Forwarded-Proto", scheme, "X-Real-IP", clientAddressOf(request));
  if (form === "path") headers.push("X-Forwarded-Prefix", prefix);
  return headers;
}

/** Always said, so that neither this server's HTTP client nor the program guesses. */
function framingHeaders(method: string, framing: Framing): readonly string[] {
  if (framing.kind === "chunked") return ["Transfer-Encoding", "chunked"];
  if (framing.kind === "length") return ["Content-Length", framing.bytes];
  return ["GET", "HEAD", "OPTIONS", "TRACE", "DELETE"].includes(method) ? [] : ["Content-Length", "0"];
}

/** `https` where the proxy on this machine says so. */
export function schemeOf(request: IncomingMessage): "http" | "https" {
  const isProxied = LOOPBACK.test(request.socket.remoteAddress ?? "");
  return isProxied && textOf(request.headers["x-forwarded-proto"]).split(",")[0]?.trim() === "https" ? "https" : "http";
}

function textOf(value: string | string[] | undefined): string {
  return typeof value === "string" ? value : (value?.join(", ") ?? "");
}
