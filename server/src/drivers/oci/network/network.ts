import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Egress, NetworkFacts } from "../../../core/ports/driver.ts";
import { HandleGoneError } from "../../../core/ports/driver.ts";
import type { Log } from "../../../core/ports/log.ts";
import type { Launcher } from "../launcher.ts";
import { readFacts, staleSets } from "./facts.ts";
import type { HostSide } from "./host-side.ts";
import { hostSideIsThere, makeHostSide, removeHostSide, routes, uplinkMtu, wantsIpv6 } from "./host-side.ts";
import type { NetworkPrograms } from "./inside.ts";
import { networkPrograms, pathOf } from "./inside.ts";
import { networkNames } from "./names.ts";
import type { ResolverPlace } from "./own-resolver.ts";
import { ownResolverLives, replaceOwnResolver } from "./own-resolver.ts";
import type { Ready } from "./ready.ts";
import { ReadyNamespaces } from "./ready.ts";
import { endResolvers, isResolver, resolversOf, sharedConfig, startShared } from "./resolver.ts";
import { learnedNames, learnedSet, policyRules } from "./ruleset.ts";
import type { NetworkSettings } from "./settings.ts";
import { NETWORK_LIMITS } from "./settings.ts";
import { Slots } from "./slots.ts";
import { releaseSubnet, reserveSubnet, subnetOf } from "./subnet.ts";

export interface NetworkOptions {
  readonly installationId: string;
  readonly settings: NetworkSettings;
  /** Host-wide: one file per subnet in use. */
  readonly subnetsDir: string;
  /** Of this installation: the addresses in use, the resolver's configuration. */
  readonly dir: string;
  /** Its own, so that programs that hang hold up no launch; closed with the network. */
  readonly launcher: Launcher;
  readonly log: Log;
}

/** The first process of a running capsule, and where its things are. */
export interface Inhabitant extends ResolverPlace {
  readonly id: string;
  readonly pid: number;
  /** Tells that process from a later one with its number. */
  isStill(): boolean;
}

/** A network for one capsule that is about to be launched; `close` when the launch is over, whatever came of it. */
export interface Taken {
  readonly namespacePath: string;
  readonly resolvConf: string;
  /** Brings what the policy needs beside rules, once the capsule's groups are there. */
  launched(place: ResolverPlace): Promise<void>;
  close(): void;
}

/** The networks of an installation's capsules. What is made is made at the first use, and removed at `close` when no capsule has one. */
export class CapsuleNetwork {
  readonly #options: NetworkOptions;
  readonly #side: HostSide;
  readonly #slots: Slots;
  readonly #ready: ReadyNamespaces;
  readonly #config: string;
  readonly #programs: NetworkPrograms;
  #look: NodeJS.Timeout | null = null;
  #opening: Promise<void> | null = null;
  /** The resolver that was found last. */
  #resolver: number | undefined;
  #looking: Promise<void> = Promise.resolve();

  private constructor(options: NetworkOptions, side: HostSide, slots: Slots) {
    this.#options = options;
    this.#side = side;
    this.#slots = slots;
    this.#programs = networkPrograms(options.launcher);
    this.#ready = new ReadyNamespaces(side, slots, this.#programs, options.log);
    this.#config = join(options.dir, "resolver.conf");
  }

  /** Changes nothing on the host but the reservation of a subnet. */
  static async create(options: NetworkOptions, isAlive: (capsuleId: string) => boolean): Promise<CapsuleNetwork> {
    const { settings, installationId, subnetsDir } = options;
    const { run } = networkPrograms(options.launcher);
    const names = networkNames(installationId);
    const cidr = settings.subnet ?? reserveSubnet(subnetsDir, installationId, await routes(run));
    const subnet = subnetOf(cidr, installationId);
    const slots = new Slots(join(options.dir, "addresses"), subnet.size, isAlive);
    const mtu = settings.mtu === 0 ? await uplinkMtu(run) : settings.mtu;
    const network = new CapsuleNetwork(options, { names, subnet, ipv6: await wantsIpv6(settings, run), mtu }, slots);
    if (slots.holders().length > 0) await network.#open();
    return network;
  }

  holds(capsuleId: string): boolean {
    return this.#slots.of(capsuleId) !== null;
  }

  holders(): string[] {
    return this.#slots.holders();
  }

  /** Throws when there is no address left. */
  async take(capsuleId: string, egress: Egress): Promise<Taken> {
    await this.#open();
    const { namespace } = await this.#takeReady(capsuleId, egress).catch((error: unknown) => {
      this.#ready.done();
      throw error;
    });
    return {
      namespacePath: pathOf(namespace),
      resolvConf: `nameserver ${this.#side.subnet.gateway}\noptions timeout:3 attempts:2\n`,
      launched: async (place) => {
        await replaceOwnResolver(place, egress, this.#programs, namespace, this.#side.subnet);
        writeFileSync(markOf(place), JSON.stringify(egress), { mode: 0o600 });
      },
      close: () => {
        closeSync(namespace);
        this.#ready.done();
      },
    };
  }

  async #takeReady(capsuleId: string, egress: Egress): Promise<Ready> {
    const ready = await this.#ready.take();
    if (ready === null) throw new Error("Every address for capsules is in use on this host.");
    const { n, namespace } = ready;
    this.#slots.give(n, capsuleId);
    try {
      if (egress !== "allow") await this.#programs.runInside(namespace, "nft", ["-f", "-"], policyRules(egress, this.#side.subnet));
    } catch (error) {
      closeSync(namespace);
      this.#slots.free(n);
      throw error;
    }
    return ready;
  }

  /** Gives the address back; the rest went with the capsule's processes. */
  release(capsuleId: string): void {
    const n = this.#slots.of(capsuleId);
    if (n !== null) this.#slots.free(n);
  }

  /** Puts a policy in force, unless it is already. Throws `HandleGoneError`. */
  async set(capsule: Inhabitant, egress: Egress): Promise<void> {
    if (!this.holds(capsule.id)) {
      if (egress === "none") return;
      throw new Error("The capsule was launched without a network; stop and start it.");
    }
    if (isMarked(capsule, egress) && ownResolverLives(capsule, egress)) return;
    // No mark while it is unsure which policy is in force.
    rmSync(markOf(capsule), { force: true });
    await this.#inside(capsule, async (namespace) => {
      await this.#programs.runInside(namespace, "nft", ["-f", "-"], policyRules(egress, this.#side.subnet));
      const used = new Set(learnedNames(egress).flatMap((name) => [learnedSet(name, 4), learnedSet(name, 6)]));
      const { stdout } = await this.#programs.runInside(namespace, "nft", ["-j", "list", "sets"]);
      const stale = staleSets(stdout, used);
      if (stale.length > 0)
        await this.#programs.runInside(namespace, "nft", ["-f", "-"], stale.map((name) => `delete set inet capsule ${name}\n`).join(""));
      await replaceOwnResolver(capsule, egress, this.#programs, namespace, this.#side.subnet);
      writeFileSync(markOf(capsule), JSON.stringify(egress), { mode: 0o600 });
    });
  }

  async read(capsule: Inhabitant, withDecisions: boolean): Promise<NetworkFacts | null> {
    const n = this.#slots.of(capsule.id);
    if (n === null) return null;
    return this.#inside(capsule, async (namespace) => {
      const { stdout } = await this.#programs.runInside(namespace, "nft", ["-j", "list", "table", "inet", "capsule"]);
      return readFacts(stdout, this.#side.subnet.address(n), withDecisions, Date.now());
    });
  }

  /** Ends what is made ahead; what running capsules need stays, for as long as there is one. */
  async close(): Promise<void> {
    try {
      await this.#end();
    } finally {
      await this.#options.launcher.close();
    }
  }

  async #end(): Promise<void> {
    if (this.#look !== null) clearInterval(this.#look);
    await this.#opening?.catch(() => undefined);
    await this.#looking;
    await this.#ready.close();
    if (this.#slots.holders().length > 0) return;
    if (this.#opening !== null) {
      endResolvers(this.#config);
      await removeHostSide(this.#side, this.#programs.run);
    }
    if (existsSync(this.#options.subnetsDir)) releaseSubnet(this.#options.subnetsDir, this.#options.installationId);
  }

  #open(): Promise<void> {
    this.#opening ??= this.#makeAll().catch((error: unknown) => {
      // The next use tries again: what was missing may be there by then.
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #makeAll(): Promise<void> {
    await makeHostSide(this.#side, this.#programs.run, this.#options.log);
    await this.#resolve();
    this.#ready.fill();
    this.#look = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#mend());
    }, NETWORK_LIMITS.lookMs);
    this.#look.unref();
  }

  /** An earlier server's resolver goes on if it is told the same. */
  async #resolve(): Promise<void> {
    const { bridge } = this.#side.names;
    const config = sharedConfig(bridge, this.#side.subnet, this.#side.ipv6, this.#options.settings);
    const same = existsSync(this.#config) && readFileSync(this.#config, "utf8") === config;
    if (same && this.#hasResolver()) return;
    endResolvers(this.#config);
    await startShared(this.#config, config, this.#programs.run);
  }

  /** Whether the resolver lives: the one that was found last, else any. */
  #hasResolver(): boolean {
    if (this.#resolver === undefined || !isResolver(this.#resolver, this.#config)) this.#resolver = resolversOf(this.#config)[0];
    return this.#resolver !== undefined;
  }

  /** Somebody may have flushed the host's rules, or ended the resolver. */
  async #mend(): Promise<void> {
    try {
      if (!(await hostSideIsThere(this.#side, this.#options.launcher))) {
        this.#options.log.warn({ table: this.#side.names.table }, "the host's part of capsules' networks was gone and is made anew");
        await makeHostSide(this.#side, this.#programs.run, this.#options.log);
      }
      if (!this.#hasResolver()) await this.#resolve();
    } catch (error) {
      this.#options.log.error({ error: String(error) }, "the host's part of capsules' networks could not be looked after");
    }
  }

  /** Works on the namespace of that very process: it is asked after opening whether the number still is its own. */
  async #inside<T>(capsule: Inhabitant, work: (namespace: number) => Promise<T>): Promise<T> {
    let opened: number;
    try {
      opened = openSync(`/proc/${capsule.pid}/ns/net`, "r");
    } catch (error) {
      throw new HandleGoneError("the capsule's first process is gone", { cause: error });
    }
    try {
      if (!capsule.isStill()) throw new HandleGoneError("the capsule's first process is gone");
      return await work(opened);
    } finally {
      closeSync(opened);
    }
  }
}

const markOf = ({ dir }: ResolverPlace): string => join(dir, "egress.json");

function isMarked(place: ResolverPlace, egress: Egress): boolean {
  const file = markOf(place);
  return existsSync(file) && readFileSync(file, "utf8") === JSON.stringify(egress);
}
