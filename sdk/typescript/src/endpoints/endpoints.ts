import type {
  CallAccepted,
  CallArguments,
  CallEvent,
  CallIgnored,
  CallResult,
  Endpoint,
  EndpointPut,
  EndpointList,
  ImportResult,
} from "../contract/schemas.ts";
import { StreamError } from "../errors.ts";
import { itemsOf } from "../transport/pages.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";
import type { EndpointAddress, EndpointCallOptions } from "./call-endpoint.ts";
import { callEndpoint, streamEndpoint } from "./call-endpoint.ts";

export interface ApplyOptions extends CallOptions {
  /** Say what would change, and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** Also take away endpoints that the file does not name. */
  readonly prune?: boolean | undefined;
}

/** Commands that are published at a URL: `client.endpoints`. */
export class Endpoints {
  readonly #transport: Transport;
  /** The team's slug, once it is known. */
  #owner: string | null = null;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** By name, as they are taken. */
  list(options: CallOptions = {}): AsyncGenerator<Endpoint, void, undefined> {
    return itemsOf((cursor) => this.#transport.json<EndpointList>("listEndpoints", { ...options, query: { cursor } }));
  }

  /** Publishes a command, or changes how it is published: the whole definition. */
  async define(name: string, definition: EndpointPut, options: CallOptions = {}): Promise<Endpoint> {
    return this.#transport.json<Endpoint>("putEndpoint", { ...options, params: { name }, body: definition });
  }

  async get(name: string, options: CallOptions = {}): Promise<Endpoint> {
    return this.#transport.json<Endpoint>("getEndpoint", { ...options, params: { name } });
  }

  /** Takes an endpoint away. Its runs go on and are kept. */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.none("deleteEndpoint", { ...options, params: { name } });
  }

  /** Publishes all endpoints of a YAML text (`version: 1`, `endpoints: […]`), or none of them where one is wrong. */
  async apply(yaml: string, options: ApplyOptions = {}): Promise<ImportResult> {
    const { dryRun, prune, ...call } = options;
    return this.#transport.json<ImportResult>("importEndpoints", {
      ...call,
      query: { dry_run: dryRun, prune },
      body: yaml,
      contentType: "application/yaml",
    });
  }

  /** Stops running it by its schedule; it stays callable. */
  async pauseSchedule(name: string, options: CallOptions = {}): Promise<Endpoint> {
    return this.#transport.json<Endpoint>("pauseEndpointSchedule", { ...options, params: { name } });
  }

  async resumeSchedule(name: string, options: CallOptions = {}): Promise<Endpoint> {
    return this.#transport.json<Endpoint>("resumeEndpointSchedule", { ...options, params: { name } });
  }

  /**
   * Calls an endpoint of the team, or `owner/name`, and waits for its result. The command runs once, also where the connection breaks.
   * An asynchronous endpoint answers `{ run_id, status }`: use `start` for those.
   */
  async call(endpoint: string, args: CallArguments = {}, options: EndpointCallOptions = {}): Promise<CallResult> {
    const answer = await callEndpoint(this.#transport, await this.#addressOf(endpoint, options), args, options);
    if ("exit_code" in answer) return answer;
    throw new StreamError("asynchronous", `${endpoint} is asynchronous: ${JSON.stringify(answer)}`);
  }

  /** As `call`, for an endpoint that does not wait for its end: follow its run by `client.runs`. */
  async start(endpoint: string, args: CallArguments = {}, options: EndpointCallOptions = {}): Promise<CallAccepted | CallIgnored> {
    const answer = await callEndpoint(this.#transport, await this.#addressOf(endpoint, options), args, options);
    if (!("exit_code" in answer)) return answer;
    return { run_id: answer.run_id, status: answer.exit_code === 0 ? "succeeded" : "failed" };
  }

  /** Calls an endpoint and iterates over its lines as they come, then its `done` or `error`: over cuts, each once. */
  async *stream(endpoint: string, args: CallArguments = {}, options: EndpointCallOptions = {}): AsyncGenerator<CallEvent, void, undefined> {
    yield* streamEndpoint(this.#transport, await this.#addressOf(endpoint, options), args, options);
  }

  /** A public endpoint's badge, an SVG: how its last run ended. */
  async badge(owner: string, name: string, options: CallOptions = {}): Promise<string> {
    return this.#transport.text("getEndpointBadge", { ...options, params: { owner, name }, headers: { accept: "image/svg+xml" } });
  }

  async #addressOf(endpoint: string, { signal }: CallOptions): Promise<EndpointAddress> {
    const [first = "", second] = endpoint.split("/");
    if (second !== undefined) return { owner: first, name: second };
    if (this.#owner === null) {
      const { url } = await this.get(first, { signal });
      this.#owner = url.split("/")[2] ?? "";
    }
    return { owner: this.#owner, name: first };
  }
}
