import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { isPublicAddress } from "./address.ts";
import type { Resolve } from "./resolve.ts";

export interface AddressGuard {
  /** Whether private and loopback addresses may be called. */
  readonly allowPrivate: boolean;
  readonly resolve: Resolve;
}

/** Names that are this machine by definition, whoever is asked. */
const LOCAL_NAME = /^(?:.*\.)?localhost\.?$/;

/** The host is not one that may be called. */
export class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";
}

/** The addresses that the connection may go to; one among them that may not be called is enough to call none. */
export async function checkedAddresses(guard: AddressGuard, host: string): Promise<readonly string[]> {
  if (!guard.allowPrivate && LOCAL_NAME.test(host)) throw new RefusedAddressError();
  const addresses = isIP(host) === 0 ? await guard.resolve(host) : [host];
  if (addresses.length === 0) throw new Error("Its host has no address.");
  if (!addresses.every((address) => isIP(address) !== 0 && (guard.allowPrivate || isPublicAddress(address))))
    throw new RefusedAddressError();
  return addresses;
}

/** The host of a URL as the system takes it; the parser has made decimal, octal and short forms of IPv4 into four numbers. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");

/** Gives the connection the addresses that were checked: the name is not looked up a second time, when it may have become another. */
export function lookupOf(addresses: readonly string[]): LookupFunction {
  return (_host, { all }, callback) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = found;
    if (all === true || first === undefined) callback(null, found);
    else callback(null, first.address, first.family);
  };
}

/** Rejects as soon as the signal is aborted, for what cannot be broken off. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(new Error("The attempt was broken off."));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener("abort", onAbort));
}
