import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { probeSource } from "./probe.ts";
import { waitUntil } from "./wait.ts";

/** Addresses of the tests' own internet. The first two are public by their looks, and belong to nobody. */
export const PLACES = {
  one: "203.0.113.10",
  two: "203.0.113.11",
  dns: "203.0.113.53",
  six: "2001:db8:1::10",
  private: "10.66.0.10",
  metadata: "169.254.169.254",
  shared: "100.64.0.10",
  private6: "fd99::10",
} as const;

/** Names that its resolver knows. */
export const NAMES = {
  "one.test.example": PLACES.one,
  "two.test.example": PLACES.two,
  "below.one.test.example": PLACES.two,
  "rebound.test.example": PLACES.private,
  "six.test.example": PLACES.six,
} as const;

/** Names that stand for another one. */
export const ALIASES = {
  "alias.test.example": "two.test.example",
  "astray.test.example": "rebound.test.example",
} as const;

/** The name whose address tests choose, told to be good for a second. */
export const MOVING = "moving.test.example";

/** A host of its own in a network namespace, and an internet behind it in another. Ends with `close`. */
export interface Internet {
  /** Path of the host's namespace. */
  readonly host: string;
  /** Where this process reaches the host, and where the host's uplink is. */
  readonly management: string;
  readonly uplink: string;
  /** Runs a program of this machine on that host. */
  onHost(program: string, ...args: readonly string[]): string;
  /** Has `MOVING` lead to this address from now on. */
  move(address: string): void;
  close(): Promise<void>;
}

const MANAGEMENT = ["192.168.213.1", "192.168.213.2"] as const;
const UPLINK = ["198.51.100.1", "198.51.100.2"] as const;

export async function createInternet(dir: string): Promise<Internet> {
  const tag = `capt${process.pid}`;
  const [host, world] = [`${tag}-host`, `${tag}-world`];
  const running: ChildProcess[] = [];
  const ip = (...args: readonly string[]): string => execFileSync("ip", [...args], { encoding: "utf8" });
  const inside = (name: string, line: string): string => ip("-n", name, ...line.split(" "));
  const close = async (): Promise<void> => {
    for (const child of running) {
      const ended = once(child, "exit");
      if (child.kill("SIGKILL")) await ended;
    }
    for (const name of [host, world]) ip("netns", "del", name);
  };
  for (const name of [host, world]) {
    ip("netns", "add", name);
    inside(name, "link set lo up");
  }
  ip("link", "add", `${tag}m`, "type", "veth", "peer", "name", "mgmt0", "netns", host);
  ip("addr", "add", `${MANAGEMENT[0]}/30`, "dev", `${tag}m`);
  ip("link", "set", `${tag}m`, "up");
  for (const line of [
    `addr add ${MANAGEMENT[1]}/30 dev mgmt0`,
    "link set mgmt0 up",
    `link add wan0 type veth peer name wan1 netns ${world}`,
    `addr add ${UPLINK[0]}/24 dev wan0`,
    "addr add 2001:db8::1/64 dev wan0 nodad",
    "link set wan0 up",
    `route add default via ${UPLINK[1]}`,
    "-6 route add default via 2001:db8::2",
  ])
    inside(host, line);
  const v4 = [PLACES.one, PLACES.two, PLACES.dns, PLACES.private, PLACES.metadata, PLACES.shared];
  for (const line of [
    `addr add ${UPLINK[1]}/24 dev wan1`,
    "addr add 2001:db8::2/64 dev wan1 nodad",
    "link set wan1 up",
    ...v4.map((address) => `addr add ${address}/32 dev lo`),
    ...[PLACES.six, PLACES.private6].map((address) => `addr add ${address}/128 dev lo nodad`),
  ])
    inside(world, line);
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn("ip", ["netns", "exec", world, program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    running.push(child);
    return child;
  };
  const server = start("python3", ["-c", probeSource("internet"), PLACES.one]);
  if (server.stdout === null) throw new Error("the internet says nothing");
  await once(server.stdout, "data");
  const config = join(dir, "names.conf");
  const moving = join(dir, "moving");
  const writeMoving = (address: string): void => writeFileSync(moving, `${address} ${MOVING}\n`);
  writeMoving(PLACES.one);
  const records = Object.entries(NAMES).map(([name, address]) => `host-record=${name},${address}`);
  const aliases = Object.entries(ALIASES).map(([name, target]) => `cname=${name},${target}`);
  const plain = ["keep-in-foreground", "no-resolv", "no-hosts", "bind-interfaces", "pid-file=", "user=root", "local-ttl=1"];
  writeFileSync(config, [...plain, `listen-address=${PLACES.dns}`, `addn-hosts=${moving}`, ...records, ...aliases, ""].join("\n"));
  const resolver = start("dnsmasq", [`--conf-file=${config}`]);
  await waitUntil(() => (ip("netns", "exec", world, "ss", "-lun").includes(`${PLACES.dns}:53`) ? true : undefined), {
    what: "the resolver",
  });
  return {
    host: `/run/netns/${host}`,
    management: MANAGEMENT[1],
    uplink: UPLINK[0],
    onHost: (program, ...args) => ip("netns", "exec", host, program, ...args),
    move(address) {
      writeMoving(address);
      resolver.kill("SIGHUP");
    },
    close,
  };
}
