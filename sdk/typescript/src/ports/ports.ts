import type { CapsulePort, ListeningPort, PortList, PortUrl } from "../contract/schemas.ts";
import type { CallOptions, Request, Transport } from "../transport/transport.ts";

/** The TCP ports that programs of a capsule listen on: `capsule.ports`. */
export class Ports {
  readonly #transport: Transport;
  readonly #capsuleId: string;

  constructor(transport: Transport, capsuleId: string) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
  }

  /** What is listened on now, by number, each with where it is reached: by a key of the team, unless it is public. */
  async list(options: CallOptions = {}): Promise<ListeningPort[]> {
    return (await this.#transport.json<PortList>("listPorts", { ...options, params: { id: this.#capsuleId } })).ports;
  }

  /**
   * A link to a port that works without a key, for `ttlSec` seconds; an hour by default, a week at most. It need not be listened on yet.
   * A browser opens `url`; a program sends `token` as `capsuled_token` with each request.
   */
  async url(port: number, options: CallOptions & { readonly ttlSec?: number | undefined } = {}): Promise<PortUrl> {
    const { ttlSec, ...call } = options;
    return this.#transport.json<PortUrl>("createPortUrl", { ...this.#request(port, call), body: { ttl_sec: ttlSec } });
  }

  /** Lets anybody reach a port, or again only those with a key or a link. It need not be listened on. */
  async setAccess(port: number, access: { readonly public: boolean }, options: CallOptions = {}): Promise<CapsulePort> {
    return this.#transport.json<CapsulePort>("setPortAccess", { ...this.#request(port, options), body: { public: access.public } });
  }

  #request(port: number, options: CallOptions): Request {
    return { ...options, params: { id: this.#capsuleId, port: String(port) } };
  }
}
