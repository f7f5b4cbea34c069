import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { Log } from "../../../core/ports/log.ts";
import type { Launcher } from "../launcher.ts";
import type { Run } from "./inside.ts";
import type { NetworkNames } from "./names.ts";
import { hostRules } from "./ruleset.ts";
import type { NetworkSettings } from "./settings.ts";
import type { Subnet } from "./subnet.ts";

/** The host's part of a network: the bridge, its addresses, its rules. Each is made anew if it is gone; nothing of others is changed but forwarding. */
export interface HostSide {
  readonly names: NetworkNames;
  readonly subnet: Subnet;
  readonly ipv6: boolean;
  readonly mtu: number;
}

export async function makeHostSide(side: HostSide, run: Run, log: Log): Promise<void> {
  const { names, subnet, ipv6, mtu } = side;
  if (!hasDevice(names.bridge)) {
    await run("ip", ["link", "add", names.bridge, "type", "bridge"]).catch((error: unknown) => {
      if (!hasDevice(names.bridge)) throw error;
    });
  }
  const lines = [
    `addr replace ${subnet.gateway}/${subnet.cidr.split("/")[1] ?? "20"} dev ${names.bridge}`,
    ...(ipv6 ? [`-6 addr replace ${subnet.gateway6}/64 dev ${names.bridge} nodad`] : []),
    `link set ${names.bridge} address ${names.mac} mtu ${mtu} up`,
  ];
  for (const line of lines) await run("ip", line.split(" "));
  forward(ipv6);
  await run("nft", ["-f", "-"], hostRules(names, subnet));
  for (const rule of await rulesForForeignDrop(names.bridge, run)) {
    log.info({ rule }, "another program's firewall drops what is forwarded by default; capsules' packets are let through it");
    await run("nft", ["-f", "-"], rule);
  }
}

/** Asked again and again, so it starts no program: each start stops this process for milliseconds. */
export async function hostSideIsThere({ names }: Pick<HostSide, "names">, launcher: Pick<Launcher, "hasChain">): Promise<boolean> {
  return hasDevice(names.bridge) && launcher.hasChain(names.table, "in");
}

export async function removeHostSide({ names }: Pick<HostSide, "names">, run: Run): Promise<void> {
  if (hasDevice(names.bridge)) await run("ip", ["link", "del", names.bridge]);
  await run("nft", ["-f", "-"], `table inet ${names.table}\ndelete table inet ${names.table}\n`);
  for (const rule of await foreignRulesOf(names.bridge, run)) await run("nft", ["-f", "-"], rule);
}

/** Asked by a setting that each device has: /sys may show another namespace's devices than this process's, and a list of all grows with them. */
function hasDevice(name: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${name}`);
}

/** Forwarding is the host's own setting and stays on: others may have come to need it. */
function forward(ipv6: boolean): void {
  const set = (path: string, value: string): void => {
    if (existsSync(path) && readFileSync(path, "utf8").trim() !== value) writeFileSync(path, value);
  };
  set("/proc/sys/net/ipv4/ip_forward", "1");
  if (!ipv6 || readFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "utf8").trim() === "1") return;
  // A host that forwards listens to routers' advertisements only where this is 2, and would lose its own route.
  for (const name of readdirSync("/proc/sys/net/ipv6/conf")) {
    const path = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
    if (name !== "all" && existsSync(path) && readFileSync(path, "utf8").trim() === "1") writeFileSync(path, "2");
  }
  set("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

/** Chains of other programs in which a drop by default would end capsules' packets: an accept in our own table does not help there. */
const FOREIGN = ["DOCKER-USER", "FORWARD"] as const;

async function rulesForForeignDrop(bridge: string, run: Run): Promise<readonly string[]> {
  const found: string[] = [];
  for (const table of ["ip", "ip6"] as const) {
    const forwarding = await listing(run, table, "FORWARD");
    if (!/policy drop/.test(forwarding)) continue;
    const chain = (await listing(run, table, "DOCKER-USER")) === "" ? "FORWARD" : "DOCKER-USER";
    if ((await listing(run, table, chain)).includes(`"${bridge}"`)) continue;
    found.push(
      `insert rule ${table} filter ${chain} iifname "${bridge}" accept\ninsert rule ${table} filter ${chain} oifname "${bridge}" ct state established,related accept\n`,
    );
  }
  return found;
}

async function foreignRulesOf(bridge: string, run: Run): Promise<readonly string[]> {
  const found: string[] = [];
  for (const table of ["ip", "ip6"] as const) {
    for (const chain of FOREIGN) {
      const lines = (await listing(run, table, chain)).split("\n").filter((line) => line.includes(`"${bridge}"`));
      for (const line of lines) {
        const handle = /# handle (\d+)/.exec(line)?.[1];
        if (handle !== undefined) found.push(`delete rule ${table} filter ${chain} handle ${handle}\n`);
      }
    }
  }
  return found;
}

function listing(run: Run, table: "ip" | "ip6", chain: string): Promise<string> {
  return run("nft", ["-a", "list", "chain", table, "filter", chain]).then(
    ({ stdout }) => stdout,
    () => "",
  );
}

/** Whether another program's firewall on this host drops what is forwarded; for the probe. */
export async function foreignDrop(run: Run): Promise<boolean> {
  return /policy drop/.test(await listing(run, "ip", "FORWARD"));
}

/** The host's own addresses but loopback, which no capsule may reach. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
}

/** Destinations of the host's routes, the default ones left out. */
export async function routes(run: Run): Promise<readonly string[]> {
  const { stdout } = await run("ip", ["-4", "route", "show", "table", "all"]);
  return stdout
    .split("\n")
    .flatMap((line) => /^(?:(?:local|broadcast|unreachable|blackhole) )?(\d+\.\d+\.\d+\.\d+(?:\/\d+)?)\b/.exec(line)?.[1] ?? []);
}

export async function wantsIpv6({ ipv6 }: NetworkSettings, run: Run): Promise<boolean> {
  if (ipv6 !== "auto") return ipv6 === "on";
  if (!existsSync("/proc/sys/net/ipv6/conf/all/forwarding")) return false;
  return (await run("ip", ["-6", "route", "show", "default"])).stdout.trim() !== "";
}

/** What a packet to the internet may be long here: a capsule must not send longer ones. */
export async function uplinkMtu(run: Run): Promise<number> {
  const { stdout } = await run("ip", ["-4", "route", "show", "default"]);
  const device = /\bdev (\S+)/.exec(stdout)?.[1];
  if (device === undefined) return 1500;
  const link = (await run("ip", ["link", "show", device])).stdout;
  return Math.min(1500, Number(/\bmtu (\d+)/.exec(link)?.[1] ?? 1500));
}
