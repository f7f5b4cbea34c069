import type { OperationId } from "../contract/operations.ts";
import { API_VERSION, NO_SUCH_PATH, OPERATIONS, VERSION_HEADER } from "../contract/operations.ts";

/** The version that a server says it has; `null` where it says none. */
export function versionOf(response: Response): string | null {
  const said = response.headers.get(VERSION_HEADER);
  return said !== null && /^\d+\.\d+\.\d+/.test(said) ? said : null;
}

/** Below 0 where `a` is older than `b`; what stands behind the three numbers does not count. */
function compared(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

function numbersOf(version: string): readonly [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.+-]/).map(Number);
  return [major, minor, patch];
}

/** Whether a server is older than this SDK. */
export function isOlder(server: string | null): boolean {
  return server !== null && compared(server, API_VERSION) < 0;
}

/** Whether a server of this version may not understand this SDK: what is not 0.x breaks with its first number, what is with its second. */
export function isIncompatible(server: string): boolean {
  const [own, other] = [numbersOf(API_VERSION), numbersOf(server)];
  return own[0] !== other[0] || (own[0] === 0 && own[1] !== other[1]);
}

/** Whether an error says that the server does not know the operation at all. */
export function isUnknownTo(server: string | null, id: OperationId, code: string, details: Readonly<Record<string, unknown>>): boolean {
  if (code === "not_found") return details["reason"] === NO_SUCH_PATH || (server !== null && compared(server, OPERATIONS[id].since) < 0);
  // An endpoint says itself which methods it takes.
  return code === "method_not_allowed" && id !== "callEndpoint" && server !== null && compared(server, API_VERSION) !== 0;
}

export function unknownSaying(server: string | null, id: OperationId, url: string): string {
  const { method, path, since } = OPERATIONS[id];
  const what = `\`${id}\` (${method} ${path})`;
  if (server === null || compared(server, API_VERSION) === 0) {
    return `The server at ${url} does not know ${what}, though it should: check that CAPSULED_URL is its address and nothing more, and what stands before it.`;
  }
  if (isOlder(server))
    return `The server at ${url} is of version ${server} and does not know ${what}, which needs ${since}: update the server.`;
  return `The server at ${url} is of version ${server} and does not know ${what} any more, which this SDK of version ${API_VERSION} asks for: update the SDK.`;
}

export function olderSaying(server: string, url: string): string {
  return `The server at ${url} is of version ${server}, older than this SDK (${API_VERSION}), and may not know all that it is asked for: update the server.`;
}

/** That they differ, and which of both is to be updated. */
export function differSaying(server: string, url: string): string {
  return `The server at ${url} is of version ${server} and this SDK of ${API_VERSION}: they may not understand each other. Update the ${isOlder(server) ? "server" : "SDK"}.`;
}
