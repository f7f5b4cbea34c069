import type { IncomingMessage } from "node:http";
import type { PortAddress } from "./address.ts";
import { hostOnly } from "./cookies.ts";
import { endToEnd } from "./header-pairs.ts";
import { locationFor } from "./location.ts";

/** Commands to a web server in front of this one, and what would move a whole origin elsewhere: no capsule may say them. */
const REFUSED: ReadonlySet<string> = new Set([
  "alt-svc",
  "x-accel-charset",
  "x-accel-expires",
  "x-accel-limit-rate",
  "x-accel-redirect",
  "x-lighttpd-send-file",
  "x-lighttpd-send-tempfile",
  "x-reproxy-url",
  "x-sendfile",
]);
/** What browsers keep for a whole origin. Below a path of the API's that origin is the API's. */
const OF_ORIGIN: ReadonlySet<string> = new Set([
  "accept-ch",
  "activate-storage-access",
  "clear-site-data",
  "critical-ch",
  "expect-ct",
  "nel",
  "origin-agent-cluster",
  "public-key-pins",
  "public-key-pins-report-only",
  "report-to",
  "reporting-endpoints",
  "service-worker-allowed",
  "set-cookie",
  "set-cookie2",
  "set-login",
  "strict-transport-security",
  "use-as-dictionary",
]);

export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  /** Names and values, one after the other. */
  readonly headers: string[];
}

/** Why an answer of a capsule's program is not passed on. */
export class RefusedAnswerError extends Error {
  override readonly name = "RefusedAnswerError";
}

/** What the client gets of the head of an answer. Throws `RefusedAnswerError` for what no client should get. */
export function answerHead(answer: IncomingMessage, request: IncomingMessage, address: PortAddress, isKeyed: boolean): AnswerHead {
  const status = answer.statusCode ?? 0;
  if (status < 200 || status > 599) throw new RefusedAnswerError(`its status is ${status}`);
  const headers: string[] = [];
  for (const [lower, name, value] of endToEnd(answer.rawHeaders)) {
    const passed = passedOn(lower, value, status, request, address, isKeyed);
    if (passed !== null) headers.push(name, passed);
  }
  const length = answer.headers["content-length"];
  if (length !== undefined && answer.headers["transfer-encoding"] === undefined) headers.push("Content-Length", length);
  if (address.form === "path") headers.push("Content-Security-Policy", "sandbox");
  return { status, reason: (answer.statusMessage ?? "").replaceAll(/[^\t\x20-\x7e]/g, ""), headers };
}

/** A header's value for the client; `null` to leave it out. */
function passedOn(
  lower: string,
  value: string,
  status: number,
  request: IncomingMessage,
  address: PortAddress,
  isKeyed: boolean,
): string | null {
  if (REFUSED.has(lower) || (address.form === "path" && OF_ORIGIN.has(lower))) return null;
  if (lower === "set-cookie") return hostOnly(value);
  if (lower !== "location") return value;
  const location = locationFor(value, request, address, isKeyed);
  if (location !== null) return location;
  if (status < 300 || status > 399) return null;
  throw new RefusedAnswerError("it redirects to somewhere else, where the request's key must not go");
}
