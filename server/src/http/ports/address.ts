import type { IncomingMessage } from "node:http";

/** Where a request to a capsule's port goes. */
export interface PortAddress {
  readonly capsuleId: string;
  /** 1 to 65535; `null` for what is none. */
  readonly port: number | null;
  /** `host`: the port has a host name of its own. `path`: it is below a path of the API's. */
  readonly form: "host" | "path";
  /** The path below which the port is, without a slash at its end. */
  readonly prefix: string;
  /** Path and query for the capsule, as they were sent; they may be no path at all. */
  readonly target: string;
}

const LABEL_START = /^\d+-cl-/i;
const LABEL = /^(\d+)-(cl-[0-9a-z]+)\.(.+)$/;
const PATH = /^((?:\/api)?\/v1\/capsules\/([^/?#]+)\/ports\/([^/?#]+))(?:(\/[^#]*)|(\?[^#]*)|)$/;
/** An operation of the API's own. */
const OWN = /^\/url(?:\?|$)/;

/** The port that a request is for; `null` for a request to the API. `domains` may hold `*`, any. */
export function portAddressOf({ headers, url = "", method }: IncomingMessage, domains: readonly string[]): PortAddress | null {
  const { host = "" } = headers;
  const named = LABEL_START.test(host) ? LABEL.exec(hostNameOf(host)) : null;
  if (named !== null) {
    const [, portText = "", capsuleId = "", domain = ""] = named;
    if (!domains.includes("*") && !domains.includes(domain)) return null;
    return { capsuleId, port: portOf(portText), form: "host", prefix: "", target: url };
  }
  const below = PATH.exec(url);
  if (below === null) return null;
  const [, prefix = "", capsuleId = "", portText = "", target, query = ""] = below;
  if (target === undefined ? method !== "GET" && method !== "HEAD" : method === "POST" && OWN.test(target)) return null;
  return { capsuleId, port: portOf(portText), form: "path", prefix, target: target ?? `/${query}` };
}

/** A host name in lower case, without its port and the dot that names may end in. */
export function hostNameOf(host: string | undefined): string {
  return (host ?? "").toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}

function portOf(text: string): number | null {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}
