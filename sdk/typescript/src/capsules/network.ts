import type { Capsule as CapsuleFacts, NetworkPolicy, NetworkReport } from "../contract/schemas.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";

/** Where a capsule may connect to: `capsule.network`. */
export class Network {
  readonly #transport: Transport;
  readonly #capsuleId: string;

  constructor(transport: Transport, capsuleId: string) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
  }

  /** The policy and its counters; with `log` also the latest connections that were allowed and refused. */
  async get(options: CallOptions & { readonly log?: boolean | undefined } = {}): Promise<NetworkReport> {
    const { log, ...call } = options;
    return this.#transport.json<NetworkReport>("getCapsuleNetwork", { ...call, params: { id: this.#capsuleId }, query: { log } });
  }

  /** Changes it; what is open and refused now ends at once. */
  async set(policy: NetworkPolicy, options: CallOptions = {}): Promise<CapsuleFacts["network"]> {
    const { network } = await this.#transport.json<CapsuleFacts>("setCapsuleNetwork", {
      ...options,
      params: { id: this.#capsuleId },
      body: policy,
    });
    return network;
  }
}
