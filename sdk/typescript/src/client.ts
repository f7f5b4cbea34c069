import { createTicket, Keys, Teams } from "./access/access.ts";
import { Capsule } from "./capsules/capsule.ts";
import type { CreateOptions, ListOptions } from "./capsules/capsule-options.ts";
import { CREATE_OPTIONS, LIST_OPTIONS } from "./capsules/capsule-options.ts";
import { createCapsule } from "./capsules/create-capsule.ts";
import { Images } from "./capsules/images.ts";
import { listCapsules } from "./capsules/list-capsules.ts";
import { Templates } from "./capsules/templates.ts";
import type { Capsule as CapsuleFacts, CapsuleStats, TicketCreate, TicketCreated, Usage } from "./contract/schemas.ts";
import { Endpoints } from "./endpoints/endpoints.ts";
import { Runs } from "./endpoints/runs.ts";
import { Events } from "./events/events.ts";
import type { ClientOptions } from "./settings.ts";
import { CLIENT_OPTIONS, settingsFrom } from "./settings.ts";
import { System } from "./system/system.ts";
import { requireKnown } from "./transport/options.ts";
import type { CallOptions } from "./transport/transport.ts";
import { Transport } from "./transport/transport.ts";

/** A server and a key: everything that the API can do. */
export class Client {
  readonly capsules: Capsules;
  readonly endpoints: Endpoints;
  readonly runs: Runs;
  readonly events: Events;
  readonly templates: Templates;
  readonly images: Images;
  readonly keys: Keys;
  readonly teams: Teams;
  readonly system: System;
  readonly #transport: Transport;

  constructor(options: ClientOptions = {}) {
    requireKnown(options, CLIENT_OPTIONS);
    this.#transport = new Transport(settingsFrom(options));
    this.capsules = new Capsules(this.#transport);
    this.endpoints = new Endpoints(this.#transport);
    this.runs = new Runs(this.#transport);
    this.events = new Events(this.#transport);
    this.templates = new Templates(this.#transport);
    this.images = new Images(this.#transport);
    this.keys = new Keys(this.#transport);
    this.teams = new Teams(this.#transport);
    this.system = new System(this.#transport);
  }

  /** The server's address. */
  get url(): string {
    return this.#transport.settings.url;
  }

  /** The version of the server, as its last answer said it; `null` before the first. */
  get serverVersion(): string | null {
    return this.#transport.serverVersion;
  }

  /** Resolves when what calls that were aborted have made is destroyed, or could not be: within 30 s of the last of them. */
  async settled(): Promise<void> {
    await this.#transport.settled();
  }

  /** Makes a ticket for one request of a page in a browser, which cannot send a key: give it as `?ticket=`. Good for 30 s. */
  async createTicket(ticket: TicketCreate, options: CallOptions = {}): Promise<TicketCreated> {
    return createTicket(this.#transport, ticket, options);
  }
}

/** The team's capsules: `client.capsules`. */
export class Capsules {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** As `Capsule.create`, with this client's server and key. */
  async create(options: Omit<CreateOptions, Exclude<keyof ClientOptions, "requestTimeoutMs">> = {}): Promise<Capsule> {
    requireKnown(options, CREATE_OPTIONS);
    return new Capsule(this.#transport, await createCapsule(this.#transport, options));
  }

  /** As `Capsule.connect`. */
  async connect(id: string, options: CallOptions = {}): Promise<Capsule> {
    return new Capsule(this.#transport, await this.getInfo(id, options));
  }

  /** As `Capsule.getInfo`. */
  async getInfo(id: string, options: CallOptions = {}): Promise<CapsuleFacts> {
    return this.#transport.json<CapsuleFacts>("getCapsule", { ...options, params: { id } });
  }

  /** How many of the team's capsules have run, and with what, from now back; an hour by default. */
  async stats(options: CallOptions & { readonly range?: CapsuleStats["range"] | undefined } = {}): Promise<CapsuleStats> {
    const { range, ...call } = options;
    return this.#transport.json<CapsuleStats>("getCapsuleStats", { ...call, query: { range } });
  }

  /** What the team's capsules had of processor and memory, by days in UTC (`YYYY-MM-DD`); the last 30 days and today unless said. */
  async usage(options: CallOptions & { readonly from?: string | undefined; readonly to?: string | undefined } = {}): Promise<Usage> {
    const { from, to, ...call } = options;
    return this.#transport.json<Usage>("getUsage", { ...call, query: { from, to } });
  }

  /** As `Capsule.list`. */
  list(options: Omit<ListOptions, Exclude<keyof ClientOptions, "requestTimeoutMs">> = {}): AsyncGenerator<CapsuleFacts, void, undefined> {
    requireKnown(options, LIST_OPTIONS);
    return listCapsules(this.#transport, options);
  }
}
