import type { SeccompRule } from "./rule.ts";
import { ERRNO, above, allow, equals, refuse } from "./rule.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
/** What `ip`, getifaddrs and `ss` ask: routes, and open sockets. Both answer for the capsule's own network only. */
const NETLINK_PROTOCOLS = [0, 4] as const;
const NETLINK_REFUSED = [1, 2, 3] as const;

/** Unix, IPv4, IPv6 and a little netlink; every other family (kernel crypto, virtual machines, raw packets…) does not exist. */
export function socketRules(): SeccompRule[] {
  const plain = [AF_UNIX, AF_INET, AF_INET6];
  const none = Array.from({ length: AF_NETLINK }, (_, family) => family).filter((family) => !plain.includes(family));
  return [
    ...plain.map((family) => allow("socket", equals(0, family))),
    ...NETLINK_PROTOCOLS.map((protocol) => allow("socket", equals(0, AF_NETLINK), equals(2, protocol))),
    ...NETLINK_REFUSED.map((protocol) => refuse("socket", ERRNO.EPROTONOSUPPORT, equals(0, AF_NETLINK), equals(2, protocol))),
    refuse("socket", ERRNO.EPROTONOSUPPORT, equals(0, AF_NETLINK), above(2, 4)),
    ...none.map((family) => refuse("socket", ERRNO.EAFNOSUPPORT, equals(0, family))),
    refuse("socket", ERRNO.EAFNOSUPPORT, above(0, AF_NETLINK)),
    allow("socketpair", equals(0, AF_UNIX)),
  ];
}
