import type { CallOptions, Transport } from "../transport/transport.ts";

/** How the server is. */
export interface Health {
  readonly status: "ok" | "degraded";
  /** The server's version, e.g. `0.1.0`. */
  readonly version: string;
  readonly checks: Readonly<Record<string, "ok" | "failing">>;
}

/** The server itself: `client.system`. Needs no key. */
export class System {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Whether the server and what it needs are well. */
  async health(options: CallOptions = {}): Promise<Health> {
    return this.#transport.json<Health>("getHealth", options);
  }

  /** Metrics in Prometheus' text format; to callers on the server's machine, unless a setting opens it. */
  async metrics(options: CallOptions = {}): Promise<string> {
    return this.#transport.text("getMetrics", { ...options, headers: { accept: "text/plain" } });
  }

  /** The API as OpenAPI 3.1. */
  async openapi(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.#transport.json<Record<string, unknown>>("getOpenapi", options);
  }

  /** The API's reference, a page in HTML. */
  async docs(options: CallOptions = {}): Promise<string> {
    return this.#transport.text("getDocs", { ...options, headers: { accept: "text/html" } });
  }
}
