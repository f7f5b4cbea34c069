import { createServer, STATUS_CODES } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { Duplex } from "node:stream";
import { EXIT, ExitError, sayingOf } from "../exit.ts";
import { answerHeaders, isLocalHost, requestHeaders } from "./headers.ts";
import type { Pass, PortRoute } from "./port-route.ts";

/** The one address that is listened on: nobody else on the network reaches it. */
const LOOPBACK = "127.0.0.1";

/** What a server answers of a capsule that does not run; also what listens in one may. */
const REFUSED = 409;

/** A local port whose HTTP requests and WebSockets go to a capsule's port. */
export class Forwarder {
  readonly #route: Pick<PortRoute, "pass" | "request" | "close">;
  readonly #server: Server;
  /** Hears of a request whose connection to the server broke or was none, or that a capsule's state may have refused. */
  readonly #lost: () => void;
  readonly #tunnels = new Set<Duplex>();

  constructor(route: Pick<PortRoute, "pass" | "request" | "close">, lost: () => void = () => {}) {
    this.#route = route;
    this.#lost = lost;
    // Uploads and event streams take as long as they take.
    this.#server = createServer({ requestTimeout: 0, shouldUpgradeCallback: isWebSocket });
    this.#server.on("request", (request, response) => void this.#pass(request, response));
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => void this.#tunnel(request, socket, head));
    this.#server.on("clientError", (_, socket) => refuse(socket, 400, "This forwards HTTP and WebSockets; what came is neither."));
  }

  /** Begins to listen; 0 is any free port. Gives the port. Throws an `ExitError` where that is not possible. */
  async listen(port: number): Promise<number> {
    try {
      await new Promise<void>((done, failed) => this.#server.once("error", failed).listen(port, LOOPBACK, done));
    } catch (error) {
      throw new ExitError(EXIT.failure, whyNot(error, port));
    }
    this.#server.removeAllListeners("error");
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  /** Ends it, and what is open with it. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#tunnels) socket.destroy();
    this.#route.close();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pass = await this.#admitted(request, (status, text) => {
      response.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(`${text}\n`);
    });
    // Whoever has left meanwhile is told of no more, and its `close` has been.
    if (pass === null || response.destroyed) return;
    const local = request.headers.host ?? "";
    const sent = this.#route.request(pass, {
      method: request.method,
      path: request.url,
      headers: requestHeaders(request.rawHeaders, local, pass, undefined),
    });
    sent.on("response", (answer) => {
      if (answer.statusCode === REFUSED) this.#lost();
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(answer.rawHeaders, local, pass));
      // An event stream's head goes out before its first event.
      response.flushHeaders();
      pipeline(answer, response, () => sent.destroy());
    });
    sent.on("error", (error) => {
      if (!response.destroyed) this.#lost();
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { "content-type": "text/plain" }).end(`The server cannot be reached: ${error.message}\n`);
    });
    response.on("close", () => {
      if (!response.writableFinished) sent.destroy();
    });
    request.pipe(sent);
  }

  async #tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#tunnels.add(socket);
    socket.on("close", () => this.#tunnels.delete(socket));
    socket.on("error", () => socket.destroy());
    const pass = await this.#admitted(request, (status, text) => refuse(socket, status, text));
    if (pass === null || socket.destroyed) return;
    const local = request.headers.host ?? "";
    const headers = requestHeaders(request.rawHeaders, local, pass, request.headers.upgrade);
    const sent = this.#route.request(pass, { method: request.method, path: request.url, headers, agent: false });
    sent.on("upgrade", (answer: IncomingMessage, remote: Duplex, remoteHead: Buffer) => {
      remote.on("error", () => socket.destroy());
      remote.on("close", () => socket.destroy());
      socket.on("close", () => remote.destroy());
      const upgrade = answer.headers.upgrade ?? "";
      writeHead(socket, answer, [...answerHeaders(answer.rawHeaders, local, pass), "Connection", "Upgrade", "Upgrade", upgrade]);
      socket.write(remoteHead);
      remote.write(head);
      socket.pipe(remote);
      remote.pipe(socket);
    });
    sent.on("response", (answer) => {
      if (answer.statusCode === REFUSED) this.#lost();
      writeHead(socket, answer, [...answerHeaders(withoutCoding(answer.rawHeaders), local, pass), "Connection", "close"]);
      pipeline(answer, socket, () => sent.destroy());
    });
    sent.on("error", (error) => {
      if (!socket.destroyed) this.#lost();
      refuse(socket, 502, `The server cannot be reached: ${error.message}`);
    });
    socket.on("close", () => sent.destroy());
    sent.end();
  }

  /** What lets the request in; `null` where it was refused. */
  async #admitted(request: IncomingMessage, refused: (status: number, text: string) => void): Promise<Pass | null> {
    if (!isLocalHost(request.headers.host)) {
      refused(403, "This is for programs of this machine: ask for localhost or 127.0.0.1.");
      return null;
    }
    if (request.url?.startsWith("/") !== true) {
      refused(400, "This forwards to one port, and is no proxy.");
      return null;
    }
    try {
      return await this.#route.pass();
    } catch (error) {
      this.#lost();
      refused(502, sayingOf(error));
      return null;
    }
  }
}

/** The only upgrade that ports take; a request for another one is answered as if it asked for none. */
function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

function refuse(socket: Duplex, status: number, text: string): void {
  if (!socket.writable) return void socket.destroy();
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${text}\n`);
}

function writeHead(socket: Duplex, { statusCode = 502, statusMessage = "" }: IncomingMessage, headers: readonly string[]): void {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ""}`] : []));
  socket.write(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** The body goes on without its chunks, and ends with the connection. */
function withoutCoding(raw: readonly string[]): string[] {
  return raw.flatMap((name, at) => (at % 2 === 0 && name.toLowerCase() !== "transfer-encoding" ? [name, raw[at + 1] ?? ""] : []));
}

function whyNot(error: unknown, port: number): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE")
    return `Port ${port} of this machine is in use: choose another one, as in \`capsuled forward CAPSULE 8081:3000\`.`;
  if (code === "EACCES") return `Port ${port} of this machine is not this user's to listen on: choose one from 1024 on.`;
  return error instanceof Error ? error.message : String(error);
}
