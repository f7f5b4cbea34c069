import ipaddr from "ipaddr.js";

/** Addresses that look global and are a cloud's own, answered inside its network only. */
const CLOUD_OWN: ReadonlySet<string> = new Set(["168.63.129.16"]);
/** Where a translated address holds its IPv4 one in its last four bytes; elsewhere that is for the network to say. */
const NAT64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");
/** All of the internet's own IPv6 space that is given out. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an IP address is one of the public internet: not private, loopback, link-local, multicast, reserved, a cloud's metadata, nor an
 * IPv6 address that carries such an IPv4 one. What is no address is not public.
 */
export function isPublicAddress(text: string): boolean {
  // `isValidFourPartDecimal` and not `isValid`: short, octal and hexadecimal forms mean different things to different parsers.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return isPublicIPv4(ipaddr.IPv4.parse(text));
  // `::1.2.3.4`, an IPv4-compatible address, is read as a mapped one by the library, and as itself by the system.
  if (text.includes("%") || /^::[0-9]+\./.test(text) || !ipaddr.IPv6.isValid(text)) return false;
  const address = ipaddr.IPv6.parse(text);
  const carried = carriedIPv4(address);
  if (carried !== null) return isPublicIPv4(carried);
  return address.range() === "unicast" && address.match(GLOBAL_UNICAST);
}

function isPublicIPv4(address: ipaddr.IPv4): boolean {
  return address.range() === "unicast" && !CLOUD_OWN.has(address.toString());
}

/** The IPv4 address that a mapped, translated (NAT64) or tunnelled (6to4) one leads to. */
function carriedIPv4(address: ipaddr.IPv6): ipaddr.IPv4 | null {
  const bytes = address.toByteArray();
  switch (address.range()) {
    case "ipv4Mapped":
      return new ipaddr.IPv4(bytes.slice(12));
    case "rfc6052":
      return address.match(NAT64) ? new ipaddr.IPv4(bytes.slice(12)) : null;
    case "6to4":
      return new ipaddr.IPv4(bytes.slice(2, 6));
    default:
      return null;
  }
}
