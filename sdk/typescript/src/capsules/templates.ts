import type { SnapshotCreate, Template } from "../contract/schemas.ts";
import type { CallOptions, RepeatableOptions, Transport } from "../transport/transport.ts";

/** What capsules are made from: `client.templates`. */
export class Templates {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The team's own, newest first, then those that every team has. */
  async list(options: CallOptions & { readonly type?: Template["type"] | undefined } = {}): Promise<Template[]> {
    const { type, ...call } = options;
    return this.#transport.json<Template[]>("listSnapshots", { ...call, query: { type } });
  }

  /** Deletes a template of the team; capsules of it go on. */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.none("deleteSnapshot", { ...options, params: { name } });
  }
}

/** Milliseconds that a copy of a disk may take. */
export const COPY_TIMEOUT_MS = 120_000;

export async function createSnapshot(transport: Transport, snapshot: SnapshotCreate, options: RepeatableOptions): Promise<Template> {
  return transport.json<Template>("createSnapshot", { requestTimeoutMs: COPY_TIMEOUT_MS, ...options, body: snapshot });
}
