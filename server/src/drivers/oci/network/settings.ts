import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { hasProgram, PROGRAM_DIRECTORIES } from "../has-program.ts";

/** How this installation connects its capsules. */
export interface NetworkSettings {
  /** CIDR of /16 to /28 that capsules' addresses come from; `null` takes a free /20 of 10.128.0.0/9. */
  readonly subnet: string | null;
  /** Bytes; 0 takes the host's own. */
  readonly mtu: number;
  /** Resolvers that capsules' questions go to; none: the host's own. */
  readonly dns: readonly string[];
  /** Whether capsules have IPv6; `auto` where the host has a route to its internet. */
  readonly ipv6: "auto" | "on" | "off";
}

/** Bounds that are not settings. */
export const NETWORK_LIMITS = {
  /** Namespaces kept ready for the next capsules. */
  readyMax: 8,
  /** Milliseconds after the last launch before more are made. */
  fillAfterMs: 40,
  /** Milliseconds after which more are made although launches go on. */
  fillWithinMs: 500,
  /** Milliseconds that a program of the network may take: on a slow machine the first ones wait for modules of the kernel. */
  programMs: 60_000,
  /** Addresses learned for one name of a policy. */
  learnedMax: 4096,
  /** Decisions of one kind that a capsule's network keeps, of IPv4 and IPv6 each, and for how many seconds. */
  decisionsMax: 128,
  decisionsKeptS: 600,
  /** Bytes of a listing of a capsule's rules. */
  listingBytes: 4 * 1024 * 1024,
  /** Milliseconds between two looks at what must be there on the host. */
  lookMs: 5_000,
} as const;

const NEEDED = { ip: "iproute2", nft: "nftables", dnsmasq: "dnsmasq-base" } as const;

/** Programs that a network needs and this host lacks, with Debian's packages of them. */
export function missingPrograms(): readonly { readonly program: string; readonly package: string }[] {
  return Object.entries(NEEDED).flatMap(([program, name]) => (hasProgram(program) ? [] : [{ program, package: name }]));
}

/** The kinds of chains that capsules' rules stand in. A kernel may have nftables, and lack the family `inet` or translation of addresses. */
export const KINDS_OF_CHAINS = `table inet capsuled_probe {
  chain translated { type nat hook postrouting priority srcnat; }
  chain forwarded { type filter hook forward priority filter; }
}
`;

/**
 * Why this host cannot connect capsules; `null` when it can.
 * @param chains that the kernel is asked for; it makes none
 */
export function cannotConnect(chains = KINDS_OF_CHAINS): string | null {
  const missing = missingPrograms();
  if (missing.length > 0) return `no ${missing.map(({ program }) => program).join(", no ")}`;
  if (!existsSync("/proc/sys/net/ipv4/ip_forward")) return "/proc/sys/net is not there";
  const asked = spawnSync("nft", ["--check", "--file", "-"], {
    input: chains,
    env: { PATH: PROGRAM_DIRECTORIES.join(":") },
    encoding: "utf8",
    timeout: NETWORK_LIMITS.programMs,
  });
  return asked.status === 0 ? null : `nft cannot be used: ${asked.stderr.trim().slice(0, 200)}`;
}
