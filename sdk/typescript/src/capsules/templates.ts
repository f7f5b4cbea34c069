import type { BuildLogEntry, SnapshotCreate, Template, TemplateBuild, TemplateCreate } from "../contract/schemas.ts";
import { dataOf, follow } from "../transport/sse.ts";
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

  /** Begins to build a template from a recipe; `buildLog` tells how it goes. */
  async build(recipe: TemplateCreate, options: RepeatableOptions = {}): Promise<TemplateBuild> {
    return this.#transport.json<TemplateBuild>("createTemplate", { ...options, body: recipe });
  }

  /** What a build tells, from its beginning to its `end`: also while it goes on, and over cuts. */
  async *buildLog(id: string, options: Pick<CallOptions, "signal"> = {}): AsyncGenerator<BuildLogEntry, void, undefined> {
    const { signal } = options;
    const events = follow(this.#transport, {
      open: async (lastId) => {
        const headers = { accept: "text/event-stream", ...(lastId === null ? {} : { "last-event-id": lastId }) };
        const response = await this.#transport.open("streamTemplateBuild", { params: { id }, headers, signal });
        return response.status === 204 ? undefined : response;
      },
      isLast: ({ event }) => event === "end",
      signal,
    });
    for await (const told of events) yield dataOf(told) as BuildLogEntry; // the contract's form of these events
  }

  /** A build, with the step that failed and why. */
  async getBuild(id: string, options: CallOptions = {}): Promise<TemplateBuild> {
    return this.#transport.json<TemplateBuild>("getTemplateBuild", { ...options, params: { id } });
  }

  /** The team's builds, newest first. */
  async builds(options: CallOptions & { readonly limit?: number | undefined } = {}): Promise<TemplateBuild[]> {
    const { limit, ...call } = options;
    return this.#transport.json<TemplateBuild[]>("listTemplateBuilds", { ...call, query: { limit } });
  }

  /** Ends a build; one that has ended stays as it is. */
  async cancelBuild(id: string, options: CallOptions = {}): Promise<TemplateBuild> {
    return this.#transport.json<TemplateBuild>("cancelTemplateBuild", { ...options, params: { id } });
  }
}

/** Milliseconds that a copy of a disk may take. */
export const COPY_TIMEOUT_MS = 120_000;

export async function createSnapshot(transport: Transport, snapshot: SnapshotCreate, options: RepeatableOptions): Promise<Template> {
  return transport.json<Template>("createSnapshot", { requestTimeoutMs: COPY_TIMEOUT_MS, ...options, body: snapshot });
}
