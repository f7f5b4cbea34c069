import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressGuard } from "./checked-addresses.ts";
import { checkedAddresses, hostOf, lookupOf, orAborted, RefusedAddressError } from "./checked-addresses.ts";
import { codeOf } from "../lib/error-code.ts";

/** What came of a GET: its head with the body to be read (or destroyed), or why there is none. */
export type GetOutcome =
  | { readonly kind: "answered"; readonly status: number; readonly headers: IncomingMessage["headers"]; readonly body: IncomingMessage }
  | { readonly kind: "refused" }
  | { readonly kind: "unanswered"; readonly message: string };

/** One GET over a connection of its own. Redirects are answers. The signal ends the body too. */
export type GuardedGet = (url: URL, headers: Readonly<Record<string, string>>, headMs: number, signal: AbortSignal) => Promise<GetOutcome>;

/** GETs that go to the addresses of the public internet only, unless the guard is lifted. */
export function createGuardedGet(guard: AddressGuard): GuardedGet {
  return async (url, headers, headMs, signal) => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), headMs);
    const both = AbortSignal.any([signal, late.signal]);
    try {
      const addresses = await orAborted(checkedAddresses(guard, hostOf(url)), both);
      const body = await orAborted(headOf(url, addresses, headers, both), both);
      return { kind: "answered", status: body.statusCode ?? 0, headers: body.headers, body };
    } catch (error) {
      if (error instanceof RefusedAddressError) return { kind: "refused" };
      if (late.signal.aborted) return { kind: "unanswered", message: `no answer within ${headMs / 1000} s` };
      signal.throwIfAborted();
      return { kind: "unanswered", message: describe(error) };
    } finally {
      clearTimeout(timer);
    }
  };
}

function headOf(
  url: URL,
  addresses: readonly string[],
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      method: "GET",
      agent: false,
      headers: { ...headers, connection: "close" },
      lookup: lookupOf(addresses),
      signal,
    });
    request.on("response", resolve);
    request.on("error", reject);
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(new Error("it answered with an upgrade"));
    });
    request.end();
  });
}

/** The reason of a failure, in words for callers: of the host that they named, and of nothing behind it. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  const code = codeOf(error);
  switch (code) {
    case "ECONNREFUSED":
      return "the connection was refused";
    case "ECONNRESET":
    case "EPIPE":
      return "the connection was broken off";
    case "ENOTFOUND":
    case "ENODATA":
      return "its host has no address";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for another name";
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "its certificate is not valid yet";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return "its certificate is of no authority that this server trusts (NODE_EXTRA_CA_CERTS names a file of more)";
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
    case "EPROTO":
      return "it speaks no TLS";
    default:
      return code ?? (error instanceof Error ? error.message.slice(0, 200) : "the request failed");
  }
}
