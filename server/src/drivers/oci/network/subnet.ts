import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createHash } from "node:crypto";
import { BlockList } from "node:net";
import { join } from "node:path";
import { claimNumber } from "../claim-number.ts";

const AUTO_BITS = 20;
/** /20s of 10.128.0.0/9. */
const AUTO_COUNT = 2048;

/** The addresses of an installation. */
export interface Subnet {
  readonly cidr: string;
  /** The host's own address in it, where capsules find their resolver. */
  readonly gateway: string;
  readonly cidr6: string;
  readonly gateway6: string;
  /** How many capsules it has addresses for. */
  readonly size: number;
  /** The n-th capsule's, from 0. */
  address(n: number): string;
  address6(n: number): string;
}

const textOf = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
const numberOf = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

/** @param cidr of IPv4, its host bits ignored */
export function subnetOf(cidr: string, installationId: string): Subnet {
  const [address = "", bits = ""] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  const first = numberOf(address) - (numberOf(address) % size);
  const hex = createHash("sha256").update(installationId).digest("hex");
  // A unique local prefix of its own, as RFC 4193 has it: fd and 40 bits.
  const prefix = `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}`;
  return {
    cidr: `${textOf(first)}/${bits}`,
    gateway: textOf(first + 1),
    cidr6: `${prefix}::/64`,
    gateway6: `${prefix}::1`,
    size: size - 3,
    address: (n) => textOf(first + 2 + n),
    address6: (n) => `${prefix}::${(n + 2).toString(16)}`,
  };
}

/**
 * Reserves a /20 for the installation, host-wide, by a file each: the one it had, else one that meets no route of the host.
 * @param taken destinations of the host's routes, as CIDRs or addresses
 */
export function reserveSubnet(directory: string, installationId: string, taken: readonly string[]): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const cidrOf = (index: number): string => `${textOf(numberOf("10.128.0.0") + index * 2 ** (32 - AUTO_BITS))}/${AUTO_BITS}`;
  const had = readdirSync(directory).find((name) => /^\d+$/.test(name) && holder(join(directory, name)) === installationId);
  if (had !== undefined) return cidrOf(Number(had));
  const start = Number.parseInt(createHash("sha256").update(installationId).digest("hex").slice(0, 6), 16);
  const free = function* (): Generator<number> {
    for (let step = 0; step < AUTO_COUNT; step += 1) {
      const index = (start + step) % AUTO_COUNT;
      if (!taken.some((other) => overlaps(cidrOf(index), other))) yield index;
    }
  };
  const index = claimNumber(directory, `.${installationId}`, installationId, free());
  if (index === null) throw new Error("Every subnet for capsules overlaps a route of this host; set CAPSULED_NETWORK_SUBNET.");
  return cidrOf(index);
}

export function releaseSubnet(directory: string, installationId: string): void {
  for (const name of readdirSync(directory)) {
    if (holder(join(directory, name)) === installationId) rmSync(join(directory, name), { force: true });
  }
}

export function overlaps(one: string, other: string): boolean {
  return within(one, other) || within(other, one);
}

/** Whether all of `inner` (an address or a CIDR) lies in the CIDR or address `outer`. */
export function within(inner: string, outer: string): boolean {
  const family = inner.includes(":") ? "ipv6" : "ipv4";
  if (outer.includes(":") !== inner.includes(":")) return false;
  const whole = family === "ipv6" ? 128 : 32;
  const [address = "", bits = String(whole)] = inner.split("/");
  const [base = "", outerBits = String(whole)] = outer.split("/");
  if (Number(bits) < Number(outerBits)) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(outerBits), family);
  return list.check(address, family);
}

function holder(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Gone meanwhile.
    return null;
  }
}
