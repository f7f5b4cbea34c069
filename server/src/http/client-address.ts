import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** Who calls: the peer, or what a proxy on this machine says of its own peer (the last of `X-Forwarded-For`, which it added itself). */
export function clientAddressOf({
  socket,
  headers,
}: Pick<IncomingMessage, "headers"> & { readonly socket: { readonly remoteAddress?: string | undefined } }): string {
  const peer = socket.remoteAddress ?? "";
  const forwarded = headers["x-forwarded-for"];
  if (!LOOPBACK.test(peer) || typeof forwarded !== "string") return peer;
  const last = forwarded.slice(forwarded.lastIndexOf(",") + 1).trim();
  return isIP(last) === 0 ? peer : last;
}

/** What one caller is taken for: an IPv4 address, or the /64 of an IPv6 address, in which one host may have any number. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.toLowerCase().split("%", 1)[0]?.split("::", 2) ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length - (address.includes(".") ? 1 : 0);
  const groups = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => "0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
