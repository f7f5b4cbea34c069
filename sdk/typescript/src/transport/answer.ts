import { apiErrorOf } from "../api-errors.ts";
import type { ApiError } from "../api-errors.ts";
import type { OperationId } from "../contract/operations.ts";
import { API_VERSION } from "../contract/operations.ts";
import { ConnectionError, WrongServerError } from "../errors.ts";
import { differSaying, isOlder, isUnknownTo, olderSaying, unknownSaying, versionOf } from "./server-version.ts";

/** Characters of a foreign answer that an error shows. */
const SHOWN_CHARS = 200;

/** A property of something unknown, or `undefined`. */
export function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** Whether our server answered: each of its answers names its request. */
export function isOurs(response: Response): boolean {
  return response.headers.get("x-request-id") !== null;
}

/** What an answer that is no success means. */
export async function problemOf(response: Response, url: string, id: OperationId): Promise<ApiError | WrongServerError | ConnectionError> {
  const text = await response.text();
  const error = property(parsed(text), "error");
  const code = property(error, "code");
  const message = property(error, "message");
  if (typeof code !== "string" || typeof message !== "string") {
    // What stands before a server says so when it cannot reach it.
    if (response.status === 502 || response.status === 503 || response.status === 504) {
      return new ConnectionError(`${url} answered ${response.status} in place of the server behind it: ${shown(text)}`, "unknown");
    }
    return foreign(response, url, text);
  }
  const told = property(error, "details");
  const details = typeof told === "object" && told !== null ? { ...told } : {};
  const server = versionOf(response);
  if (isUnknownTo(server, id, code, details)) return new WrongServerError(unknownSaying(server, id, url));
  return apiErrorOf({
    status: response.status,
    code,
    message: code === "invalid_request" && server !== null && isOlder(server) ? `${message} ${olderSaying(server, url)}` : message,
    requestId: response.headers.get("x-request-id"),
    details,
    retryAfterSec: secondsIn(response.headers.get("retry-after")),
  });
}

/** The error for an answer that no server of ours gives. */
export function foreign(response: Response, url: string, text: string): WrongServerError {
  const server = versionOf(response);
  if (server !== null && server !== API_VERSION) return new WrongServerError(`${differSaying(server, url)} Its answer was ${shown(text)}.`);
  return new WrongServerError(
    `${url} is answered by something else than a capsuled server, or by one of another version (${response.status} ${response.headers.get("content-type") ?? "without a type"}): ${shown(text)}. Check CAPSULED_URL: it is the address that the server prints when it starts.`,
  );
}

/** The JSON of a text, `undefined` where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return JSON.stringify(line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)}…` : line);
}

function secondsIn(text: string | null): number | null {
  const seconds = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
