import type { HttpConfig } from "../deps.ts";
import type { Exchange } from "../route.ts";
import { hostNameOf } from "./address.ts";

/** Where a port is reached by whoever reaches us so: its own host name, or a path of ours where no domain is set for ports. Ends in a slash. */
export function ownUrlOf({ portDomains }: HttpConfig, exchange: Exchange, capsuleId: string, port: number): string {
  const host = exchange.header("host") ?? "";
  const scheme = exchange.isForwarded && exchange.header("x-forwarded-proto") === "https" ? "https" : "http";
  if (portDomains.length === 0) return `${scheme}://${host}/v1/capsules/${capsuleId}/ports/${port}/`;
  const own = hostNameOf(host);
  const domain = portDomains.includes(own) ? own : (portDomains.find((name) => name !== "*") ?? (isName(own) ? own : "localhost"));
  return `${scheme}://${port}-${capsuleId}.${domain}${/:\d+$/.exec(host)?.[0] ?? ""}/`;
}

/** An address has no names below it. */
function isName(host: string): boolean {
  return /[a-z]/.test(host) && !host.includes(":") && !host.startsWith("[");
}
