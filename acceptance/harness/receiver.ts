import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { waitUntil } from "./wait.ts";

export interface Delivered {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The raw text. */
  readonly body: string;
  readonly at: number;
}

/** A web server that takes what is posted to it. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly deliveries: readonly Delivered[];
  /** Waits for that many of a path. */
  delivered(path: string, count?: number, timeoutMs?: number): Promise<readonly Delivered[]>;
}

/** What a receiver answers to the nth request of a path, from 1. */
export type Reply = (path: string, nth: number) => { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export async function newReceiver(reply: Reply = () => ({ status: 204 })): Promise<Receiver> {
  const deliveries: Delivered[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const path = request.url ?? "";
      deliveries.push({ path, headers: request.headers, body, at: Date.now() });
      const { status, headers = {} } = reply(path, deliveries.filter((one) => one.path === path).length);
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // a TCP server's address is one
  return {
    url: `http://127.0.0.1:${port}`,
    deliveries,
    delivered: (path, count = 1, timeoutMs = 20_000) =>
      waitUntil(
        () => {
          const found = deliveries.filter((one) => one.path === path);
          return found.length >= count ? found : undefined;
        },
        { what: `${count} deliveries to ${path}`, timeoutMs },
      ),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Whether a request is signed by the Standard Webhooks form, with a secret of `whsec_` and base64. */
export function isSigned({ headers, body }: Delivered, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  const right = createHmac("sha256", key).update(signed).digest();
  return String(headers["webhook-signature"])
    .split(" ")
    .filter((part) => part.startsWith("v1,"))
    .map((part) => Buffer.from(part.slice("v1,".length), "base64"))
    .some((given) => given.length === right.length && timingSafeEqual(given, right));
}
