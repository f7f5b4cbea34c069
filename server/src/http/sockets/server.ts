import type { IncomingMessage } from "node:http";
import { parse as parseQueryString } from "node:querystring";
import type { Duplex } from "node:stream";
import { API_VERSION, CLOSE_CODES, LIMITS, VERSION_HEADER } from "@capsuled/contract";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";
import type { Principal } from "../../core/access/principal.ts";
import { fail } from "../../core/fail.ts";
import { admit } from "../auth.ts";
import { namedParams } from "../capsule-name.ts";
import type { RouteDeps } from "../deps.ts";
import type { PathMatch, PathTable } from "../paths.ts";
import { publicError } from "../problem.ts";
import { rawAnswer } from "../raw-answer.ts";
import type { Surroundings } from "../register.ts";
import { queryOf, requireTextQuery } from "../request-target.ts";
import type { Route, SocketRoute } from "../route.ts";
import { SocketConnection } from "./connection.ts";
import { requireOwnOrigin } from "./origin.ts";
import type { SocketSession } from "./session.ts";

export interface SocketServer {
  /** Whether an upgrade is for us; every other request is answered as if it asked for none. */
  takes(request: IncomingMessage): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1001; their processes go on. */
  close(): void;
  terminate(): void;
}

interface OpenSocket {
  readonly connection: SocketConnection;
  readonly keyId: string;
}

interface ComingSocket {
  readonly keyId: string;
  isRevoked: boolean;
}

/** Whether a request asks for a WebSocket. */
export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

export function createSocketServer(deps: RouteDeps, paths: PathTable<Route>, around: Surroundings): SocketServer {
  return new UpgradingServer(deps, paths, around);
}

/** Turns upgrades into sessions: errors are HTTP answers until the very upgrade. */
class UpgradingServer implements SocketServer {
  readonly #deps: RouteDeps;
  readonly #paths: PathTable<Route>;
  readonly #around: Surroundings;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.socketMessageBytesMax,
  });
  readonly #open = new Set<OpenSocket>();
  /** Those whose key is known and that are not open yet: what they ask for is looked up. */
  readonly #coming = new Set<ComingSocket>();
  readonly #requestIds = new WeakMap<IncomingMessage, string>();
  readonly #pulse: NodeJS.Timeout;
  readonly #stopListening: () => void;
  /** Upgrades under way and open sockets. */
  #count = 0;

  constructor(deps: RouteDeps, paths: PathTable<Route>, around: Surroundings) {
    this.#deps = deps;
    this.#paths = paths;
    this.#around = around;
    this.#server.on("headers", (headers, request) =>
      headers.push(`X-Request-Id: ${this.#requestIds.get(request) ?? ""}`, `${VERSION_HEADER}: ${API_VERSION}`),
    );
    this.#server.on("wsClientError", (error, socket, request) => {
      rawAnswer(
        socket,
        fail("invalid_request", `The WebSocket handshake is not valid: ${error.message}.`),
        this.#requestIds.get(request) ?? "",
      );
    });
    this.#pulse = setInterval(() => {
      for (const { connection } of this.#open) connection.beat();
    }, deps.socketLimits.pingMs);
    this.#pulse.unref();
    this.#stopListening = deps.access.onRevoked((keyId) => {
      for (const coming of this.#coming) if (coming.keyId === keyId) coming.isRevoked = true;
      for (const { connection, keyId: used } of this.#open) if (used === keyId) connection.abort(CLOSE_CODES.key_revoked, "key revoked");
    });
  }

  takes(request: IncomingMessage): boolean {
    return isWebSocket(request) && this.#match(request) !== null;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Without a listener the peer's reset would be an uncaught exception.
    socket.on("error", () => socket.destroy());
    const requestId = this.#deps.ids.next("req");
    this.#requestIds.set(request, requestId);
    this.#count += 1;
    let counted = true;
    const release = (): void => {
      if (counted) this.#count -= 1;
      counted = false;
    };
    this.#begin(request, socket, head, release).catch((error: unknown) => {
      release();
      const status = rawAnswer(socket, error, requestId, this.#deps.log);
      this.#deps.metrics.answered(this.#match(request)?.route.id ?? "unknown", status, publicError(error).code, 0);
    });
  }

  close(): void {
    clearInterval(this.#pulse);
    this.#stopListening();
    for (const { connection } of this.#open) connection.abort(CLOSE_CODES.server_stopping, "server stopping");
  }

  terminate(): void {
    for (const { connection } of this.#open) connection.terminate();
  }

  #match(request: IncomingMessage): PathMatch<SocketRoute> | null {
    for (const { route, params } of this.#paths.matches(request.url)) if (route.kind === "socket") return { route, params };
    return null;
  }

  async #begin(request: IncomingMessage, socket: Duplex, head: Buffer, release: () => void): Promise<void> {
    const match = this.#match(request);
    if (match === null) throw fail("not_found");
    const { route, params } = match;
    if (this.#around.isStopping()) throw fail("shutting_down");
    const found = admit(this.#deps, route.operation, request);
    const caller = found instanceof Promise ? await found : found;
    if (caller === null) throw new Error(`${route.id} is a socket without a caller`);
    requireOwnOrigin(request, this.#around.cors);
    if (this.#count > this.#deps.socketLimits.socketsMax) throw fail("unavailable", "The server has as many open sockets as it takes.");
    const session = await this.#session(request, route, params, caller);
    let isOpen = false;
    if (!socket.destroyed) {
      this.#server.handleUpgrade(request, socket, head, (webSocket) => {
        isOpen = true;
        this.#run(webSocket, session, route, caller.keyId, release);
      });
    }
    if (isOpen) return;
    session.closed();
    release();
  }

  /** What the request asks for. Throws `unauthorized` where its key is revoked meanwhile. */
  async #session(request: IncomingMessage, route: SocketRoute, params: unknown, caller: Principal): Promise<SocketSession> {
    requireTextQuery(request.url ?? "");
    const query = parseQueryString(queryOf(request.url ?? "").toString());
    const coming: ComingSocket = { keyId: caller.keyId, isRevoked: false };
    this.#coming.add(coming);
    try {
      const named = (await namedParams(this.#deps.capsules, route.operation, caller, params)) ?? params;
      const session = await route.open(this.#deps, caller, { params: named, query, body: undefined }, request.headers["user-agent"]);
      if (!coming.isRevoked) return session;
      session.closed();
      throw fail("unauthorized");
    } finally {
      this.#coming.delete(coming);
    }
  }

  #run(webSocket: WebSocket, session: SocketSession, route: SocketRoute, keyId: string, release: () => void): void {
    const connection = new SocketConnection(webSocket, this.#deps.socketLimits);
    const open: OpenSocket = { connection, keyId };
    this.#open.add(open);
    this.#deps.metrics.socketOpened(route.id);
    webSocket.on("message", (data, isBinary) => {
      // A start that crossed with the close would begin what its client was told has not begun, or with a key that was revoked.
      if (connection.isClosing) return;
      if (isBinary) session.binary(Buffer.isBuffer(data) ? data : Buffer.alloc(0));
      else session.message(Buffer.isBuffer(data) ? data.toString("utf8") : "");
    });
    // A protocol error closes the socket with its own code; `close` tells the session.
    webSocket.on("error", () => {});
    webSocket.on("close", (code) => {
      this.#open.delete(open);
      release();
      this.#deps.metrics.socketClosed(route.id, code);
      session.closed();
    });
    if (this.#around.isStopping()) connection.abort(CLOSE_CODES.server_stopping, "server stopping");
    else session.open(connection);
  }
}
