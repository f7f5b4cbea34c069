import { createHash } from "node:crypto";
import type { Egress, EgressRule } from "../../../core/ports/driver.ts";
import type { NetworkNames } from "./names.ts";
import { NETWORK_LIMITS } from "./settings.ts";
import type { Subnet } from "./subnet.ts";
import { within } from "./subnet.ts";

/** Never the internet: refused unless an entry that lies within one opens a part of it. */
export const PRIVATE: readonly string[] =
  // Of IPv6 also what carries an IPv4 address: compatible, mapped, translated, 6to4, Teredo.
  `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4
   ::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8`.split(/\s+/);

/** Of the resolver that a capsule with domain rules has to itself: in its namespace, as a user of the host that nobody inside can be. */
export const OWN_RESOLVER = { address: "127.100.53.1", port: 20053, uid: 65534, user: "nobody" } as const;

const family = (text: string): "ip" | "ip6" => (text.includes(":") ? "ip6" : "ip");
const isAddress = (to: string): boolean => /^[\d./]+$/.test(to) || to.includes(":");

export function domainsOf(egress: Egress): readonly EgressRule[] {
  return typeof egress === "string" ? [] : egress.allow.filter(({ to }) => !isAddress(to));
}

const bareName = (to: string): string => to.replace(/^\*\./, "");

/** The names that entries are about, without `*.`, each once: the resolver puts what it tells into the sets of one of them, the longest. */
export function learnedNames(egress: Egress): readonly string[] {
  return [...new Set(domainsOf(egress).map(({ to }) => bareName(to)))];
}

/** The set of addresses learned for a name and what is below it: named by what it is, so that it outlives changes of the entries. */
export function learnedSet(name: string, version: 4 | 6): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `learned${version}_${hash}`;
}

/** Whether the addresses of a listed name are an entry's, too: the resolver keeps them nowhere else, be there wider entries. */
function isAbout({ to }: EgressRule, name: string): boolean {
  return name === bareName(to) || (to.startsWith("*.") && name.endsWith(to.slice(1)));
}

/** The first rules of a capsule's namespace, made for the policy `allow`. */
export function firstRules(subnet: Subnet, own: readonly string[]): string {
  const decisions = (name: string, version: 4 | 6): string =>
    `set ${name}${version} { type ipv${version}_addr . inet_proto . inet_service; size ${NETWORK_LIMITS.decisionsMax}; flags dynamic,timeout; timeout ${NETWORK_LIMITS.decisionsKeptS}s; counter; }`;
  const note = (name: string): string =>
    [
      ` meta l4proto { tcp, udp } update @${name}4 { ip daddr . meta l4proto . th dport }`,
      ` meta l4proto { tcp, udp } update @${name}6 { ip6 daddr . meta l4proto . th dport }`,
      ` meta l4proto != { tcp, udp } update @${name}4 { ip daddr . meta l4proto . 0 }`,
      ` meta l4proto != { tcp, udp } update @${name}6 { ip6 daddr . meta l4proto . 0 }`,
    ].join("\n");
  const ranges = (version: 4 | 6): string => PRIVATE.filter((cidr) => family(cidr) === (version === 4 ? "ip" : "ip6")).join(", ");
  return `table inet capsule {
counter allowed { }
counter refused { }
${decisions("allowed", 4)}
${decisions("allowed", 6)}
${decisions("refused", 4)}
${decisions("refused", 6)}
set private4 { type ipv4_addr; flags interval; auto-merge; elements = { ${ranges(4)} } }
set private6 { type ipv6_addr; flags interval; auto-merge; elements = { ${ranges(6)} } }
set host4 { type ipv4_addr; flags interval; auto-merge; elements = { ${[subnet.cidr, ...own.filter((one) => !one.includes(":"))].join(", ")} } }
set host6 { type ipv6_addr; flags interval; auto-merge; elements = { ${[subnet.cidr6, ...own.filter((one) => one.includes(":"))].join(", ")} } }
chain resolve {
 type nat hook output priority -100; policy accept;
}
chain out {
 type filter hook output priority 0; policy drop;
 oifname "lo" accept
 ip daddr ${OWN_RESOLVER.address} meta l4proto { tcp, udp } th dport ${OWN_RESOLVER.port} accept
 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
 ct direction reply accept
 jump names
 ip daddr @host4 goto refuse
 ip6 daddr @host6 goto refuse
 goto egress
}
chain in {
 type filter hook input priority 0; policy drop;
 iifname "lo" accept
 ct state established,related accept
 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
}
chain names {
}
chain egress {
}
chain public {
 ip daddr @private4 goto refuse
 ip6 daddr @private6 goto refuse
 goto admit
}
chain admit {
 ct state new counter name "allowed"
 ct state new jump note_allowed
 accept
}
chain note_allowed {
${note("allowed")}
}
chain note_refused {
${note("refused")}
}
chain refuse {
 counter name "refused"
 jump note_refused
 meta l4proto tcp reject with tcp reset
 reject with icmpx admin-prohibited
}
}
${policyRules("allow", subnet)}`;
}

/**
 * What puts a policy in force, in one transaction. Every packet that leaves is judged by where it goes, so a change ends open
 * connections as well.
 */
export function policyRules(egress: Egress, subnet: Subnet): string {
  return [
    "flush chain inet capsule egress",
    "flush chain inet capsule names",
    "flush chain inet capsule resolve",
    ...rulesOf(egress, subnet),
    "",
  ].join("\n");
}

function rulesOf(egress: Egress, subnet: Subnet): string[] {
  const ask = (extra: string): string =>
    `add rule inet capsule names ${extra}ip daddr ${subnet.gateway} meta l4proto { tcp, udp } th dport 53 accept`;
  if (egress === "none") return ["add rule inet capsule egress goto refuse"];
  if (egress === "allow") return [ask(""), "add rule inet capsule egress goto public"];
  const domains = domainsOf(egress);
  const names = learnedNames(egress);
  const sets = names.flatMap((name) =>
    ([4, 6] as const).map(
      (version) => `add set inet capsule ${learnedSet(name, version)} { type ipv${version}_addr; size ${NETWORK_LIMITS.learnedMax}; }`,
    ),
  );
  const addresses = egress.allow.filter(({ to }) => isAddress(to));
  const opened = addresses.filter(({ to }) => PRIVATE.some((range) => within(to, range)));
  const admit = (rule: EgressRule, match: string, chain: string): string[] => {
    const ports = rule.ports.length === 0 ? "" : ` meta l4proto { tcp, udp } th dport { ${rule.ports.join(", ")} }`;
    return [`add rule inet capsule egress ${match}${ports} goto ${chain}`];
  };
  const own = `meta skuid != ${OWN_RESOLVER.uid} ip daddr ${subnet.gateway} meta l4proto { tcp, udp } th dport 53`;
  return [
    ...sets,
    ...(domains.length === 0
      ? []
      : [
          `add rule inet capsule resolve ${own} dnat ip to ${OWN_RESOLVER.address}:${OWN_RESOLVER.port}`,
          ask(`meta skuid ${OWN_RESOLVER.uid} `),
        ]),
    ...addresses.flatMap((rule) => admit(rule, `${family(rule.to)} daddr ${rule.to}`, opened.includes(rule) ? "admit" : "public")),
    ...domains.flatMap((rule) =>
      names
        .filter((name) => isAbout(rule, name))
        .flatMap((name) => [
          ...admit(rule, `ip daddr @${learnedSet(name, 4)}`, "public"),
          ...admit(rule, `ip6 daddr @${learnedSet(name, 6)}`, "public"),
        ]),
    ),
    "add rule inet capsule egress goto refuse",
  ];
}

/** The host's own rules: addresses are shared, the host answers nothing but names, and capsules do not reach each other. */
export function hostRules(names: NetworkNames, subnet: Subnet): string {
  const { bridge, table } = names;
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
chain post {
 type nat hook postrouting priority srcnat; policy accept;
 ip saddr ${subnet.cidr} oifname != "${bridge}" masquerade
 ip6 saddr ${subnet.cidr6} oifname != "${bridge}" masquerade
}
chain in {
 type filter hook input priority filter; policy accept;
 iifname != { "${bridge}", "lo" } ip daddr ${subnet.gateway} drop
 iifname != "${bridge}" accept
 ip saddr != ${subnet.cidr} meta nfproto ipv4 drop
 ip daddr ${subnet.gateway} meta l4proto { tcp, udp } th dport 53 accept
 ct direction reply accept
 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
 meta l4proto tcp reject with tcp reset
 reject with icmpx admin-prohibited
}
chain forward {
 type filter hook forward priority filter; policy accept;
 iifname "${bridge}" oifname "${bridge}" reject with icmpx admin-prohibited
 iifname "${bridge}" ip saddr != ${subnet.cidr} drop
 oifname "${bridge}" ct state != { established, related } drop
}
}
`;
}
