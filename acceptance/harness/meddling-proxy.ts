import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { readState } from "./state.ts";

/** Milliseconds without a byte after which an answer stands still. */
const STILL_MS = 1000;

/** What is done to one connection; nothing of it is the default, which passes everything on. */
export interface Meddling {
  /** Given in place of the server's answer; its request never arrives. */
  readonly instead?: string;
  /** Cut after so many bytes of the answer. */
  readonly cutAfter?: number;
  /** After so many bytes of the answer nothing more comes, and the connection stays; with 0 its request never arrives. */
  readonly silentAfter?: number;
  /** The bytes as they are passed on: of the same length, so that what frames them still holds. */
  readonly alter?: (bytes: Buffer) => Buffer;
}

export interface MeddlingProxy extends AsyncDisposable {
  readonly url: string;
  /** Method and path of each request that came, in order. */
  readonly requests: readonly string[];
  /** Bytes of answers that were written to clients. */
  readonly passed: number;
  /** Resolves once no byte of an answer has come for a while. */
  still(): Promise<void>;
  /** Ends all connections that are open. */
  endAll(): void;
}

/** Stands before the server under test; `meddle` says what to do with each connection, by its number from 1. */
export async function meddlingProxy(meddle: (connection: number) => Meddling = () => ({})): Promise<MeddlingProxy> {
  const { hostname, port } = new URL(readState().url);
  const stillness = new Set<() => void>();
  const clients = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  let passed = 0;
  const server = createServer((client) => {
    const { instead, cutAfter, silentAfter, alter } = meddle((connections += 1));
    const limit = cutAfter ?? silentAfter ?? Number.POSITIVE_INFINITY;
    const upstream = instead === undefined && silentAfter !== 0 ? connect(Number(port), hostname) : null;
    clients.add(client);
    client.on("error", () => {});
    client.on("close", () => {
      clients.delete(client);
      upstream?.destroy();
    });
    client.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      for (const [line] of text.matchAll(/^[A-Z]+ \/\S* HTTP\/1\.1\r$/gm)) requests.push(line.slice(0, -10));
      if (instead !== undefined) client.end(instead);
    });
    if (upstream === null) return;
    client.pipe(upstream);
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => (silentAfter === undefined ? client.end() : undefined));
    let came = 0;
    upstream.on("data", (chunk) => {
      const within = chunk.subarray(0, Math.max(0, limit - came));
      came += chunk.length;
      for (const moved of stillness) moved();
      passed += within.length;
      const isDrained = within.length === 0 || client.write(alter === undefined ? within : alter(within));
      if (cutAfter !== undefined && came >= limit) {
        client.write("", () => client.resetAndDestroy());
        return upstream.destroy();
      }
      if (isDrained) return;
      upstream.pause();
      client.once("drain", () => upstream.resume());
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy does not listen on a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    get passed() {
      return passed;
    },
    still() {
      return new Promise<void>((done) => {
        const timer = setTimeout(() => {
          stillness.delete(moved);
          done();
        }, STILL_MS);
        const moved = (): void => void timer.refresh();
        stillness.add(moved);
      });
    },
    endAll() {
      for (const client of clients) client.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

/** A whole answer as bytes, after which the connection ends; with the header that ours has on every answer. */
export function answerOf(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const lines = Object.entries({
    "content-type": "application/json",
    "x-request-id": "req-proxy",
    ...headers,
    "content-length": String(Buffer.byteLength(text)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Said\r\n${lines.join("")}\r\n${text}`;
}
