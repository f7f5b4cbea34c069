import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import type { Egress } from "../../../core/ports/driver.ts";
import type { NetworkPrograms, Run } from "./inside.ts";
import { domainsOf, learnedNames, learnedSet, OWN_RESOLVER } from "./ruleset.ts";
import type { NetworkSettings } from "./settings.ts";
import type { Subnet } from "./subnet.ts";

/** What it has to say goes to the host's log: a file to log to it would make its user's, and were it `/dev/null`, the whole host's. */
const COMMON = ["no-hosts", "bind-interfaces", `user=${OWN_RESOLVER.user}`, "pid-file="];

/** The configuration of the resolver of all capsules, on the host. It outlives the server, and the next one finds it by its file's name. */
export function sharedConfig(bridge: string, subnet: Subnet, ipv6: boolean, settings: NetworkSettings): string {
  return [
    ...COMMON,
    `interface=${bridge}`,
    "except-interface=lo",
    `listen-address=${subnet.gateway}`,
    "cache-size=1000",
    "dns-forward-max=1000",
    ...(ipv6 ? [] : ["filter-AAAA"]),
    ...(settings.dns.length === 0 ? [] : ["no-resolv", ...settings.dns.map((server) => `server=${server}`)]),
    "",
  ].join("\n");
}

/**
 * The configuration of the resolver that a capsule with domain rules has to itself, in its own namespace: it answers for these names
 * only, and puts the addresses that it tells into the sets of their rules. It keeps no cache, so that what is told is learned.
 */
export function ownConfig(egress: Egress, subnet: Subnet): string {
  const domains = domainsOf(egress);
  const bare = (to: string): string => to.replace(/^\*\./, "");
  const wild = new Set(domains.filter(({ to }) => to.startsWith("*.")).map(({ to }) => bare(to)));
  const exact = new Set(domains.filter(({ to }) => !to.startsWith("*.")).map(({ to }) => to));
  // A wider `*.` above an exact name answers for the names below it.
  const covered = (name: string): boolean => [...wild].some((above) => name === above || name.endsWith(`.${above}`));
  return [
    ...COMMON,
    "no-resolv",
    `listen-address=${OWN_RESOLVER.address}`,
    `port=${OWN_RESOLVER.port}`,
    "cache-size=0",
    ...[...exact].flatMap((name) => [`server=/${name}/${subnet.gateway}`, ...(covered(name) ? [] : [`server=/*.${name}/`])]),
    ...[...wild].map((name) => `server=/*.${name}/${subnet.gateway}`),
    // One line for a name: of several the resolver would follow one, and say nothing.
    ...learnedNames(egress).map(
      (name) => `nftset=/${name}/${([4, 6] as const).map((version) => `${version}#inet#capsule#${learnedSet(name, version)}`).join(",")}`,
    ),
    "",
  ].join("\n");
}

/** Starts a resolver, which goes into the background once it listens: nobody's child, it outlives the server. Throws with its words if it cannot. */
export async function startShared(configFile: string, config: string, run: Run): Promise<void> {
  writeFileSync(configFile, config, { mode: 0o644 });
  await run("dnsmasq", [`--conf-file=${configFile}`]);
}

/** The same for one capsule, in its namespace and, so that it ends with the capsule, in its cgroup. */
export async function startOwn(
  configFile: string,
  config: string,
  { runInside }: NetworkPrograms,
  namespace: number,
  cgroup: string,
): Promise<void> {
  writeFileSync(configFile, config, { mode: 0o644 });
  const enter = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"';
  await runInside(namespace, "sh", ["-c", enter, "sh", cgroup, "dnsmasq", `--conf-file=${configFile}`]);
}

/** Living resolvers by the file of their configuration. Looks at every process of the host. */
export function resolversOf(configFile: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isResolver(pid, configFile));
}

/** A capsule's group in a line of a process's groups, of whatever installation. */
const IN_CAPSULE = /\/cl-[0-9a-z]{25}(\/|$)/m;

/**
 * Whether this process is a resolver with that configuration. The memory of a process of a capsule is never read: what holds that
 * memory's lock there, as programs short of memory do, would hold this process and all that it serves, for minutes.
 */
export function isResolver(pid: number, configFile: string): boolean {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8") !== "dnsmasq\n") return false;
    // A capsule's processes have the names that they give themselves.
    if (IN_CAPSULE.test(readFileSync(`/proc/${pid}/cgroup`, "utf8"))) return false;
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words[0] === "dnsmasq" && words.includes(`--conf-file=${configFile}`);
  } catch {
    // Gone meanwhile.
    return false;
  }
}

export function endResolvers(configFile: string): void {
  for (const pid of resolversOf(configFile)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone meanwhile.
    }
  }
}
