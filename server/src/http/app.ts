import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { methodsOf } from "@capsuled/contract";
import Fastify from "fastify";
import { Tickets } from "../core/access/tickets.ts";
import { fail } from "../core/fail.ts";
import type { StreamLimits } from "./body-stream.ts";
import { STREAM_LIMITS } from "./body-stream.ts";
import { Attendance } from "./calls/attendance.ts";
import { createCallRates } from "./calls/rate.ts";
import { answerClientError } from "./client-error.ts";
import { createCorsPolicy } from "./cors.ts";
import { TransformedRuns } from "./calls/transformed.ts";
import type { HttpDeps, RouteDeps } from "./deps.ts";
import { createDocuments } from "./documents.ts";
import { HeldAnswers } from "./held-answers.ts";
import { OpenStreams } from "./open-streams.ts";
import { PathTable } from "./paths.ts";
import { renderProblem } from "./problem.ts";
import { PORT_LIMITS } from "./ports/limits.ts";
import type { PortLimits } from "./ports/limits.ts";
import { createPortProxy } from "./ports/proxy.ts";
import { registerRoutes, sendAnswer } from "./register.ts";
import { RequestTimes } from "./request-times.ts";
import { ROUTE_LIST } from "./routes/index.ts";
import type { SocketLimits } from "./sockets/limits.ts";
import { SOCKET_LIMITS } from "./sockets/limits.ts";
import { createSocketServer, isWebSocket } from "./sockets/server.ts";
import { registerUnrouted } from "./unrouted.ts";

/** Bounds of a connection, in milliseconds; tests make them small. Answers have none of their own: a command may run for days. */
export interface ConnectionLimits {
  /** Idle connections are kept this long: longer than common clients keep theirs, so that the client closes first. */
  readonly keepAliveMs: number;
  /** Until a request's headers have come. */
  readonly headersMs: number;
  /** Until all of a request has come, its body included. */
  readonly requestMs: number;
  /** In place of it for uploads of files: while nothing of them comes that is waited for. */
  readonly uploadStallMs: number;
  /** How often the bound of the headers is looked at. */
  readonly checkMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  keepAliveMs: 75_000,
  headersMs: 10_000,
  requestMs: 60_000,
  uploadStallMs: 60_000,
  checkMs: 5_000,
};

/** Characters of one path segment that names something. */
const PARAM_CHARS_MAX = 200;

export interface HttpServer {
  /** Resolves once connections are taken. */
  listen(): Promise<void>;
  /** Where it listens, e.g. `http://127.0.0.1:8080`; throws before `listen`. */
  readonly url: string;
  /** Takes no new connections, closes sockets (1001), lets requests under way end for at most `drainMs`, then ends them. */
  close(drainMs: number): Promise<void>;
}

export function createHttpServer(
  given: HttpDeps,
  socketLimits: SocketLimits = SOCKET_LIMITS,
  streamLimits: StreamLimits = STREAM_LIMITS,
  connectionLimits: ConnectionLimits = CONNECTION_LIMITS,
  portLimits: PortLimits = PORT_LIMITS,
): HttpServer {
  const { config, ids, log } = given;
  const streams = new OpenStreams(streamLimits.eventStreams);
  const runStreams = new OpenStreams(streamLimits.runStreams);
  const tickets = new Tickets(given.clock, ids);
  const paths = new PathTable(ROUTE_LIST);
  const deps: RouteDeps = {
    ...given,
    documents: createDocuments(config.version),
    socketLimits,
    streams,
    runStreams,
    streamLimits,
    tickets,
    rates: createCallRates(config, given.clock),
    attendance: new Attendance(),
    transformed: new TransformedRuns(given),
    takesTicket: (method, path) =>
      paths.matches(path).some(({ route: { operation } }) => operation.takesTicket === true && methodsOf(operation).includes(method)),
  };
  let stopping = false;
  let cutOff = false;
  const requestTimes = new RequestTimes(connectionLimits, (socket) =>
    answerClientError(Object.assign(new Error("the request took too long"), { code: "ERR_HTTP_REQUEST_TIMEOUT" }), socket, ids.next("req")),
  );
  const around = {
    cors: createCorsPolicy(config.corsOrigins),
    isStopping: () => stopping,
    isCutOff: () => cutOff,
    requestTimes,
    stallMs: streamLimits.stallMs,
    held: new HeldAnswers(),
  };
  const sockets = createSocketServer(deps, paths, around);
  const ports = createPortProxy(deps, around, portLimits);
  const app = Fastify({
    logger: false,
    trustProxy: false,
    genReqId: () => ids.next("req"),
    requestIdHeader: false,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    forceCloseConnections: false,
    // Which operations are refused while the server stops is the contract's matter.
    return503OnClosing: false,
    serverFactory: (handler) =>
      createServer(
        {
          keepAliveTimeout: connectionLimits.keepAliveMs,
          headersTimeout: connectionLimits.headersMs,
          // Not every request has the same: see RequestTimes.
          requestTimeout: 0,
          connectionsCheckingInterval: connectionLimits.checkMs,
          noDelay: true,
          // Every other upgrade (h2c, say) is a request like any other.
          shouldUpgradeCallback: (request) => (ports.takes(request) ? isWebSocket(request) : sockets.takes(request)),
        },
        // Before the router, to which a port's host name and its paths mean nothing.
        (request, response) => (ports.takes(request) ? ports.serve(request, response) : handler(request, response)),
      ),
    clientErrorHandler: (error, socket) => answerClientError(error, socket, ids.next("req")),
    frameworkErrors: (error, request, reply) => {
      reply.hijack();
      sendAnswer(request.raw, reply.raw, renderProblem(routerError(error), request.id, log), request.id, around);
    },
  });
  app.server.prependListener("request", (request) => requestTimes.watch(request));
  registerRoutes(app, ROUTE_LIST, deps, around);
  registerUnrouted(app, paths, deps, around);
  const stopListening = given.access.onRevoked((keyId) => {
    for (const part of [streams, runStreams, tickets]) part.revoke(keyId);
  });
  app.server.on("upgrade", (request, socket, head) => {
    if (ports.takes(request)) ports.upgrade(request, socket, head);
    else sockets.upgrade(request, socket, head);
  });

  return {
    async listen() {
      await app.listen({ host: config.host, port: config.port });
    },
    get url() {
      return urlOf(app.server.address());
    },
    async close(drainMs) {
      stopping = true;
      const drained = app.close();
      app.server.closeIdleConnections();
      sockets.close();
      ports.close();
      stopListening();
      streams.closeAll();
      runStreams.closeAll();
      const deadline = setTimeout(() => {
        cutOff = true;
        sockets.terminate();
        app.server.closeAllConnections();
      }, drainMs);
      await drained;
      clearTimeout(deadline);
    },
  };
}

function urlOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/** What Fastify finds wrong with a path before any route is asked. */
function routerError(error: Error & { readonly code: string }): Error {
  switch (error.code) {
    case "FST_ERR_BAD_URL":
      return fail("invalid_request", "The URL's escapes are not valid.");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return fail("not_found", "Nothing has a name of that length.");
    default:
      return error;
  }
}
