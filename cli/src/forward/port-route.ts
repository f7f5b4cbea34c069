import { request as requestHttp, Agent } from "node:http";
import type { ClientRequest, RequestOptions } from "node:http";
import { request as requestHttps, Agent as SecureAgent } from "node:https";
import type { Capsule } from "capsuled";
import { EXIT, ExitError } from "../exit.ts";

/** Seconds for which a link is good; a new one is asked for when half of them are over. */
const LINK_SEC = 3600;

/** What lets a request in: the host name that it is to ask for, and a cookie that stands for the link. */
export interface Pass {
  /** `3000-cl-….localhost:8080` */
  readonly host: string;
  /** `http://` and the host. */
  readonly origin: string;
  readonly cookie: string;
}

/** The way to a port of a capsule through its server: by the port's own host name, with a link that is made anew before it is over. */
export class PortRoute {
  readonly #capsule: Capsule;
  readonly #port: number;
  readonly #server: URL;
  readonly #agent: Agent;
  #pass: { readonly value: Promise<Pass>; readonly renewAtMs: number } | null = null;

  constructor(capsule: Capsule, port: number, serverUrl: string) {
    this.#capsule = capsule;
    this.#port = port;
    this.#server = new URL(serverUrl);
    this.#agent = this.#server.protocol === "https:" ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  }

  /** A pass that holds for a while. Throws what the server answers. */
  pass(): Promise<Pass> {
    const now = performance.now();
    if (this.#pass === null || now >= this.#pass.renewAtMs) {
      const value = this.#link();
      this.#pass = { value, renewAtMs: now + LINK_SEC * 500 };
      value.catch(() => (this.#pass = null));
    }
    return this.#pass.value;
  }

  /** A request to the port; its headers are the caller's, `Host` included. */
  request(pass: Pass, options: RequestOptions): ClientRequest {
    const { hostname, port, protocol } = this.#address(pass);
    const where = { ...options, hostname, port, setHost: false, agent: options.agent ?? this.#agent };
    return protocol === "https:" ? requestHttps({ ...where, servername: hostname }) : requestHttp(where);
  }

  /** Lets connections go. */
  close(): void {
    this.#agent.destroy();
  }

  /** Names below `localhost` are this machine's to every resolver, so the server's own address is asked in their place. */
  #address(pass: Pass): { readonly hostname: string; readonly port: string; readonly protocol: string } {
    const own = new URL(pass.origin);
    const { hostname, port, protocol } = own.hostname.endsWith(".localhost") ? this.#server : own;
    return { hostname: hostname.replaceAll(/^\[|\]$/g, ""), port, protocol };
  }

  async #link(): Promise<Pass> {
    const { url, token } = await this.#capsule.ports.url(this.#port, { ttlSec: LINK_SEC });
    const link = new URL(url);
    if (link.pathname !== "/") {
      throw new ExitError(
        EXIT.config,
        "This server has no host names for ports, which forwarding needs: set CAPSULED_PORT_DOMAINS there (docs/guides/ports.md).",
      );
    }
    // The cookie that a browser gets when it opens the link.
    return { host: link.host, origin: link.origin, cookie: `capsuled_port=${token}` };
  }
}
