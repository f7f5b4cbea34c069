import { closeSync, existsSync } from "node:fs";
import type { Log } from "../../../core/ports/log.ts";
import type { HostSide } from "./host-side.ts";
import { ownAddresses } from "./host-side.ts";
import type { NamespacePlan, NetworkPrograms } from "./inside.ts";
import { NotConnectedError } from "./inside.ts";
import { firstRules } from "./ruleset.ts";
import { NETWORK_LIMITS } from "./settings.ts";
import type { Slots } from "./slots.ts";
import { Turn } from "../../../lib/turn.ts";

/** A namespace with its interface, addresses and the rules of the policy `allow`. */
export interface Ready {
  readonly n: number;
  readonly namespace: number;
}

/** Namespaces made ahead, so that a create waits for none. They are this process's descriptors, and end with it. */
export class ReadyNamespaces {
  readonly #side: HostSide;
  readonly #slots: Slots;
  readonly #programs: NetworkPrograms;
  readonly #log: Log;
  readonly #ready: Ready[] = [];
  readonly #filling = new Turn();
  #closed = false;
  #later: NodeJS.Timeout | undefined;
  /** Launches under way that have taken one. */
  #launches = 0;
  /** When the first of them began to put the making of more off. */
  #waitingSince: number | null = null;

  constructor(side: HostSide, slots: Slots, programs: NetworkPrograms, log: Log) {
    this.#side = side;
    this.#slots = slots;
    this.#programs = programs;
    this.#log = log;
  }

  /** `done` when the launch that it is for is over, whatever came of it. */
  async take(): Promise<Ready | null> {
    this.#launches += 1;
    this.#fillLater();
    return this.#ready.shift() ?? this.#make(true);
  }

  done(): void {
    this.#launches -= 1;
    this.#fillLater();
  }

  /** Launches go first: making more costs the processor as much as they do. */
  #fillLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#later);
    const now = performance.now();
    this.#waitingSince ??= now;
    const within = this.#waitingSince + NETWORK_LIMITS.fillWithinMs - now;
    this.#later = setTimeout(
      () => {
        this.#waitingSince = null;
        this.fill();
      },
      Math.max(0, this.#launches === 0 ? Math.min(NETWORK_LIMITS.fillAfterMs, within) : within),
    );
    this.#later.unref();
  }

  fill(): void {
    if (this.#filling.isUnderWay || this.#closed) return;
    this.#filling
      .join(() => this.#fill())
      .catch((error: unknown) => this.#log.warn({ error: String(error) }, "a network namespace could not be made ahead"));
  }

  /** Gives up what nobody has taken. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#later);
    await this.#filling.settled();
    for (const { n, namespace } of this.#ready.splice(0)) {
      closeSync(namespace);
      this.#slots.free(n);
    }
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#ready.length < NETWORK_LIMITS.readyMax) {
      const made = await this.#make(false);
      if (made === null) return;
      this.#ready.push(made);
    }
  }

  async #make(isUrgent: boolean): Promise<Ready | null> {
    const n = this.#slots.reserve();
    if (n === null) return null;
    try {
      return { n, namespace: await makeNamespace(this.#side, this.#programs, n, isUrgent) };
    } catch (error) {
      this.#slots.free(n);
      throw error;
    }
  }
}

async function makeNamespace(
  { names, subnet, ipv6, mtu }: HostSide,
  programs: NetworkPrograms,
  n: number,
  isUrgent: boolean,
): Promise<number> {
  const veth = names.veth(n);
  const plan: NamespacePlan = {
    connect: [
      `link add ${veth} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns {pid}`,
      `link set ${veth} master ${names.bridge} up`,
      `link set ${veth} type bridge_slave isolated on`,
    ],
    settings: {
      ...(existsSync("/proc/sys/net/ipv6") ? { "/proc/sys/net/ipv6/conf/eth0/disable_ipv6": ipv6 ? "0" : "1" } : {}),
      // Capsules bind low ports and ping as their own root, whom this namespace does not know as one.
      "/proc/sys/net/ipv4/ip_unprivileged_port_start": "0",
      "/proc/sys/net/ipv4/ping_group_range": "0 2147483647",
    },
    rules: firstRules(subnet, ownAddresses()),
    lines: [
      "link set lo up",
      "link set eth0 up",
      `addr add ${subnet.address(n)}/32 dev eth0`,
      `route add ${subnet.gateway} dev eth0`,
      `route add default via ${subnet.gateway} dev eth0`,
      ...(ipv6
        ? [
            `addr add ${subnet.address6(n)}/128 dev eth0 nodad`,
            `route add ${subnet.gateway6} dev eth0`,
            `route add default via ${subnet.gateway6} dev eth0`,
          ]
        : []),
    ],
    isUrgent,
  };
  return programs.newNamespace(plan).catch(async (error: unknown) => {
    if (!(error instanceof NotConnectedError)) throw error;
    // An earlier capsule's may be there that the kernel has not come to remove.
    await programs.run("ip", ["link", "del", veth]).catch(() => undefined);
    return programs.newNamespace(plan);
  });
}
