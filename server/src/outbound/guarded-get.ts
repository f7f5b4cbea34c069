import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressGuard } from "./checked-addresses.ts";
import { checkedAddresses, hostOf, lookupOf, orAborted, RefusedAddressError } from "./checked-addresses.ts";
import { failureOf } from "./failure.ts";

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

/** The reason of a failure, for callers: nothing of an error's own words where it has a code, since these may name addresses. */
function describe(error: unknown): string {
  const { words, code, message } = failureOf(error);
  return words ?? code ?? message ?? "the request failed";
}
