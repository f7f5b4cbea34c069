import type {
  ApiKey,
  ApiKeyCreate,
  ApiKeyCreated,
  Team,
  TeamCreate,
  TeamCreated,
  TicketCreate,
  TicketCreated,
} from "../contract/schemas.ts";
import type { CallOptions, RepeatableOptions, Transport } from "../transport/transport.ts";

/** The team's API keys: `client.keys`. */
export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first; never the keys themselves. */
  async list(options: CallOptions = {}): Promise<ApiKey[]> {
    return this.#transport.json<ApiKey[]>("listKeys", options);
  }

  /** Makes a key, for an admin. Its `key` is shown this once. */
  async create(key: ApiKeyCreate = {}, options: RepeatableOptions = {}): Promise<ApiKeyCreated> {
    return this.#transport.json<ApiKeyCreated>("createKey", { ...options, body: key });
  }

  /** Takes a key away, by its id. It stops working within 5 s. */
  async revoke(id: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.none("revokeKey", { ...options, params: { key_id: id } });
  }
}

/** Teams: `client.teams`. */
export class Teams {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One's own; all of them for the first team's admin. */
  async list(options: CallOptions = {}): Promise<Team[]> {
    const { teams } = await this.#transport.json<{ teams: Team[] }>("listTeams", options);
    return teams;
  }

  /** Makes a team with its first admin key, for the first team's admin. */
  async create(team: TeamCreate, options: RepeatableOptions = {}): Promise<TeamCreated> {
    return this.#transport.json<TeamCreated>("createTeam", { ...options, body: team });
  }

  /** A team's badge, an SVG: how many public endpoints it has. */
  async badge(slug: string, options: CallOptions = {}): Promise<string> {
    return this.#transport.text("getTeamBadge", { ...options, params: { owner: slug }, headers: { accept: "image/svg+xml" } });
  }
}

/** Makes a ticket for one request of a page in a browser, which cannot send a key: give it as `?ticket=`. */
export async function createTicket(transport: Transport, ticket: TicketCreate, options: CallOptions): Promise<TicketCreated> {
  return transport.json<TicketCreated>("createTicket", { ...options, body: ticket });
}
