import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Certificate } from "./certificates.ts";
import { sha256 } from "./image.ts";
import type { TestImage } from "./image.ts";

export interface RegistryOptions {
  /** What it wants to see: nothing, a password, or a token that it gives for the password (or to anybody, where there is none). */
  readonly authority?: "none" | "basic" | "token";
  readonly password?: string;
  /** Speaks TLS, as this. */
  readonly tls?: Certificate;
  /** Answers a request in its own way; `false` leaves it to the registry. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** A registry on this machine, with one repository. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly requests: readonly string[];
  /** `host/test/image:tag` of what is put there. */
  put(tag: string, image: TestImage): string;
  /** A document under a tag, whatever it is. */
  putDocument(tag: string, document: Buffer): string;
  putBlob(digest: string, bytes: Buffer): void;
}

const NAME = "test/image";
const USER = "reader";

export async function startRegistry({ authority = "none", password, tls, answer }: RegistryOptions = {}): Promise<TestRegistry> {
  const blobs = new Map<string, Buffer>();
  const tags = new Map<string, Buffer>();
  const requests: string[] = [];
  const basic = `Basic ${Buffer.from(`${USER}:${password ?? ""}`).toString("base64")}`;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", `${tls === undefined ? "http" : "https"}://${request.headers.host ?? ""}`);
    requests.push(`${request.method ?? ""} ${url.pathname}`);
    if (answer?.(request, response) === true) return;
    const given = request.headers.authorization;
    if (url.pathname === "/token") {
      if (password !== undefined && given !== basic) return void response.writeHead(401).end();
      return void response.end(JSON.stringify({ token: `for-${url.searchParams.get("scope") ?? ""}` }));
    }
    const wanted = authority === "none" ? undefined : authority === "basic" ? basic : `Bearer for-repository:${NAME}:pull`;
    if (wanted !== undefined && given !== wanted) {
      const challenge = authority === "basic" ? 'Basic realm="test"' : `Bearer realm="${url.origin}/token",service="test",scope="x"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    const [, kind, version = ""] = new RegExp(`^/v2/${NAME}/(manifests|blobs)/(.+)$`).exec(url.pathname) ?? [];
    const found = kind === "manifests" ? (tags.get(version) ?? blobs.get(version)) : kind === "blobs" ? blobs.get(version) : undefined;
    if (found === undefined) return void response.writeHead(404).end("{}");
    response.writeHead(200, { "content-length": found.length }).end(found);
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer({ key: tls.key, cert: tls.cert }, serve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the registry has no port");
  const host = `127.0.0.1:${address.port}`;
  const putDocument = (tag: string, document: Buffer): string => {
    tags.set(tag, document);
    blobs.set(sha256(document), document);
    return `${host}/${NAME}:${tag}`;
  };
  return {
    host,
    requests,
    putDocument,
    put(tag, image) {
      for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
      return putDocument(tag, image.blobs.get(image.digest) ?? Buffer.alloc(0));
    },
    putBlob: (digest, bytes) => void blobs.set(digest, bytes),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export const CREDENTIALS = { username: USER } as const;
