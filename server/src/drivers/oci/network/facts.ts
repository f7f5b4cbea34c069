import { z } from "zod";
import type { EgressDecision, NetworkFacts, PacketCount } from "../../../core/ports/driver.ts";
import { NETWORK_LIMITS } from "./settings.ts";

const counter = z.object({ counter: z.object({ name: z.string(), packets: z.int(), bytes: z.int() }) });
const element = z.object({
  elem: z.object({
    val: z.object({ concat: z.tuple([z.string(), z.union([z.string(), z.int()]), z.union([z.int(), z.string()])]) }),
    expires: z.int().default(0),
    counter: z.object({ packets: z.int() }).optional(),
  }),
});
const set = z.object({ set: z.object({ name: z.string(), elem: z.array(element).default([]) }) });
const listing = z.object({ nftables: z.array(z.unknown()) });

/**
 * IANA's names, as /etc/protocols has them. A host without that file (Debian: without `netbase`) has nft tell the number, and the same
 * packets are to be told of in the same words on every host. Others stay numbers there.
 */
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [2, "igmp"],
  [6, "tcp"],
  [17, "udp"],
  [33, "dccp"],
  [47, "gre"],
  [50, "esp"],
  [51, "ah"],
  [58, "ipv6-icmp"],
  [132, "sctp"],
  [136, "udplite"],
]);

/** Reads what `nft -j list table` says of a capsule's namespace. */
export function readFacts(text: string, address: string, withDecisions: boolean, now: number): NetworkFacts {
  const { nftables } = listing.parse(JSON.parse(text));
  const counts = new Map<string, PacketCount>();
  const decisions: EgressDecision[] = [];
  for (const entry of nftables) {
    const counted = counter.safeParse(entry);
    if (counted.success)
      counts.set(counted.data.counter.name, { packets: counted.data.counter.packets, bytes: counted.data.counter.bytes });
    const listed = withDecisions ? set.safeParse(entry) : null;
    const decision = listed?.success === true ? /^(allowed|refused)[46]$/.exec(listed.data.set.name)?.[1] : undefined;
    if (listed?.success !== true || (decision !== "allowed" && decision !== "refused")) continue;
    for (const { elem } of listed.data.set.elem) {
      const [to, protocol, port] = elem.val.concat;
      decisions.push({
        decision,
        address: to,
        protocol: typeof protocol === "number" ? (PROTOCOLS.get(protocol) ?? String(protocol)) : protocol,
        port: typeof port === "number" ? port : Number.parseInt(port, 10) || 0,
        packets: elem.counter?.packets ?? 0,
        lastAt: now - (NETWORK_LIMITS.decisionsKeptS - elem.expires) * 1000,
      });
    }
  }
  const none: PacketCount = { packets: 0, bytes: 0 };
  return {
    address,
    allowed: counts.get("allowed") ?? none,
    refused: counts.get("refused") ?? none,
    decisions: decisions.sort((a, b) => b.lastAt - a.lastAt),
  };
}

/** Names of the sets of learned addresses in an `nft -j list sets` that no rule of a policy uses any more. */
export function staleSets(text: string, used: ReadonlySet<string>): readonly string[] {
  const { nftables } = listing.parse(JSON.parse(text));
  return nftables.flatMap((entry) => {
    const found = z.object({ set: z.object({ name: z.string().regex(/^learned[46]_/), table: z.literal("capsule") }) }).safeParse(entry);
    return found.success && !used.has(found.data.set.name) ? [found.data.set.name] : [];
  });
}
