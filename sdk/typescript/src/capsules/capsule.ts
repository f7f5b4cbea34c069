import { Commands } from "../commands/commands.ts";
import type { Capsule as CapsuleFacts, CapsuleMetrics, Template } from "../contract/schemas.ts";
import { Files } from "../files/files.ts";
import { Ports } from "../ports/ports.ts";
import { CLIENT_OPTIONS, settingsFrom } from "../settings.ts";
import { Terminals } from "../terminals/terminals.ts";
import { requireKnown } from "../transport/options.ts";
import type { CallOptions, RepeatableOptions } from "../transport/transport.ts";
import { CALL_OPTIONS, Transport } from "../transport/transport.ts";
import { destroyAbandoned, makeCapsules } from "./abandoned.ts";
import type { ConnectCapsuleOptions, CreateOptions, ListOptions } from "./capsule-options.ts";
import { CREATE_OPTIONS, LIST_OPTIONS } from "./capsule-options.ts";
import { createCapsule, untilRunning, WAIT_MS_DEFAULT } from "./create-capsule.ts";
import { listCapsules } from "./list-capsules.ts";
import { Network } from "./network.ts";
import { COPY_TIMEOUT_MS, createSnapshot } from "./templates.ts";

/** An isolated machine: runs commands, and can be paused, stopped and destroyed. */
export class Capsule implements AsyncDisposable {
  /** `cl-…` */
  readonly id: string;
  /** Runs commands, and reaches the processes that are there. */
  readonly commands: Commands;
  /** Opens terminals, and connects to those that are there. */
  readonly pty: Terminals;
  /** Reads and writes its files. */
  readonly files: Files;
  /** Where it may connect to. */
  readonly network: Network;
  /** Says how what listens in it is reached. */
  readonly ports: Ports;
  readonly #transport: Transport;
  #info: CapsuleFacts;

  /** Use `Capsule.create` or `Capsule.connect`. */
  constructor(transport: Transport, info: CapsuleFacts) {
    this.id = info.id;
    this.#transport = transport;
    this.#info = info;
    this.commands = new Commands(transport, info.id);
    this.pty = new Terminals(transport, info.id);
    this.files = new Files(transport, info.id);
    this.network = new Network(transport, info.id);
    this.ports = new Ports(transport, info.id);
  }

  /**
   * Creates a capsule and waits until it runs. `await using capsule = await Capsule.create()` destroys it at the end of the block;
   * otherwise call `destroy()`. Throws a `CapsuleBootError` where it does not come to run. Where `signal` aborts it, what was made is found
   * and destroyed in the background, within 30 s and as far as the server can be reached; `Client.settled` waits for that. Not so with an
   * `idempotencyKey` of your own: the same call finds what it made.
   */
  static async create(options: CreateOptions = {}): Promise<Capsule> {
    requireKnown(options, { ...CLIENT_OPTIONS, ...CREATE_OPTIONS });
    const transport = new Transport(settingsFrom(options));
    return new Capsule(transport, await createCapsule(transport, options));
  }

  /** A capsule that is there, in any state. It is not destroyed at the end of a block, unless you use `await using`. */
  static async connect(id: string, options: ConnectCapsuleOptions = {}): Promise<Capsule> {
    requireKnown(options, { ...CLIENT_OPTIONS, ...CALL_OPTIONS });
    const transport = new Transport(settingsFrom(options));
    return new Capsule(transport, await transport.json<CapsuleFacts>("getCapsule", { ...callOf(options), params: { id } }));
  }

  /** A capsule's facts, by its id alone. */
  static async getInfo(id: string, options: ConnectCapsuleOptions = {}): Promise<CapsuleFacts> {
    requireKnown(options, { ...CLIENT_OPTIONS, ...CALL_OPTIONS });
    return new Transport(settingsFrom(options)).json<CapsuleFacts>("getCapsule", { ...callOf(options), params: { id } });
  }

  /** The team's capsules that are not destroyed, newest first, as they are taken. */
  static list(options: ListOptions = {}): AsyncGenerator<CapsuleFacts, void, undefined> {
    requireKnown(options, { ...CLIENT_OPTIONS, ...LIST_OPTIONS });
    return listCapsules(new Transport(settingsFrom(options)), options);
  }

  /** Its facts as they were seen last. */
  get info(): CapsuleFacts {
    return this.#info;
  }

  /** Its facts as they are now. */
  async getInfo(options: CallOptions = {}): Promise<CapsuleFacts> {
    return this.#see(await this.#transport.json<CapsuleFacts>("getCapsule", { ...options, params: { id: this.id } }));
  }

  /** Waits until it runs. Throws a `CapsuleBootError` where it does not come to. */
  async waitUntilRunning(options: CallOptions & { readonly waitMs?: number | undefined } = {}): Promise<CapsuleFacts> {
    const { waitMs = WAIT_MS_DEFAULT, ...call } = options;
    return this.#see(await untilRunning(this.#transport, await this.getInfo(call), waitMs, call));
  }

  /** Freezes every process; memory and files are kept. */
  async pause(options: RepeatableOptions = {}): Promise<CapsuleFacts> {
    return this.#see(await this.#transport.json<CapsuleFacts>("pauseCapsule", { ...options, params: { id: this.id } }));
  }

  /** Lets a paused capsule go on where it was. */
  async resume(options: RepeatableOptions = {}): Promise<CapsuleFacts> {
    return this.#see(await this.#transport.json<CapsuleFacts>("resumeCapsule", { ...options, params: { id: this.id }, body: {} }));
  }

  /** Ends every process and keeps the disk. */
  async stop(options: RepeatableOptions = {}): Promise<CapsuleFacts> {
    return this.#see(await this.#transport.json<CapsuleFacts>("stopCapsule", { ...options, params: { id: this.id } }));
  }

  /** Boots a stopped capsule again from its disk, and waits until it runs. */
  async start(options: RepeatableOptions & { readonly waitMs?: number | undefined } = {}): Promise<CapsuleFacts> {
    const { waitMs = WAIT_MS_DEFAULT, ...call } = options;
    const begun = await this.#transport.json<CapsuleFacts>("startCapsule", { ...call, params: { id: this.id }, body: {} });
    return this.#see(await untilRunning(this.#transport, begun, waitMs, call));
  }

  /** Keeps its disk as a template of the team: `Capsule.create({ template: name })` begins with its files. */
  async snapshot(
    options: RepeatableOptions & { readonly name?: string | undefined; readonly overwrite?: boolean | undefined } = {},
  ): Promise<Template> {
    const { name, overwrite, ...call } = options;
    return createSnapshot(this.#transport, { capsule_id: this.id, name, overwrite }, call);
  }

  /** Makes capsules whose disks begin as this one's is now, and waits until they run: all of them, or none. Aborted, as `create` is. */
  async fork(
    options: RepeatableOptions & { readonly count?: number | undefined; readonly name?: string | undefined } = {},
  ): Promise<Capsule[]> {
    const { count, name, ...call } = options;
    const request = { requestTimeoutMs: COPY_TIMEOUT_MS, ...call, params: { id: this.id }, body: { count, name } };
    const idsOf = ({ capsules }: Forked): readonly string[] => capsules.map(({ id }) => id);
    const forked = await makeCapsules<Forked>(this.#transport, "forkCapsule", request, idsOf);
    try {
      const running = forked.capsules.map((info) => untilRunning(this.#transport, info, WAIT_MS_DEFAULT, { signal: call.signal }));
      return (await Promise.all(running)).map((info) => new Capsule(this.#transport, info));
    } catch (error) {
      await destroyAbandoned(this.#transport, idsOf(forked), call.signal);
      throw error;
    }
  }

  /** What it has used of processor, memory and disk, from now back; 10 minutes by default. */
  async metrics(options: CallOptions & { readonly range?: CapsuleMetrics["range"] | undefined } = {}): Promise<CapsuleMetrics> {
    const { range, ...call } = options;
    return this.#transport.json<CapsuleMetrics>("getCapsuleMetrics", { ...call, params: { id: this.id }, query: { range } });
  }

  /** Counts as activity, so that the inactivity TTL begins anew. */
  async ping(options: CallOptions = {}): Promise<void> {
    await this.#transport.none("pingCapsule", { ...options, params: { id: this.id } });
  }

  /** Ends it, its processes and its disk. Once it is gone, again does no harm. */
  async destroy(options: CallOptions = {}): Promise<void> {
    await this.#transport.none("destroyCapsule", { ...options, params: { id: this.id } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }

  #see(info: CapsuleFacts): CapsuleFacts {
    this.#info = info;
    return info;
  }
}

interface Forked {
  readonly capsules: CapsuleFacts[];
}

function callOf({ signal, requestTimeoutMs }: CallOptions): CallOptions {
  return { signal, requestTimeoutMs };
}
