import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { Duplex } from "node:stream";
import { fail } from "../../core/fail.ts";
import type { RouteDeps } from "../deps.ts";
import { renderProblem } from "../problem.ts";
import { rawAnswer } from "../raw-answer.ts";
import type { Surroundings } from "../register.ts";
import { sendAnswer } from "../register.ts";
import { portAccess } from "./access.ts";
import type { PortOpening } from "./access.ts";
import type { PortAddress } from "./address.ts";
import { portAddressOf } from "./address.ts";
import { exchange } from "./exchange.ts";
import type { PortLimits } from "./limits.ts";
import { OpenExchanges } from "./open-exchanges.ts";
import type { OpenExchange } from "./open-exchanges.ts";
import { sendPage } from "./page-redirect.ts";
import type { Framing } from "./request-headers.ts";
import { framingOf, hasBody } from "./request-headers.ts";
import { tunnel } from "./tunnel.ts";

/** Requests and WebSockets to ports of capsules. They are no operations: all but their address belongs to the program in the capsule. */
export interface PortProxy {
  /** Whether a request is for a capsule's port. */
  takes(request: IncomingMessage): boolean;
  serve(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends what is upgraded; requests under way go on. */
  close(): void;
}

export function createPortProxy(deps: RouteDeps, around: Surroundings, limits: PortLimits): PortProxy {
  const open = new OpenExchanges(limits, deps.access);

  const addressOf = (request: IncomingMessage): PortAddress | null => portAddressOf(request, deps.config.portDomains);

  /** Everything that is looked at before a capsule is asked, but for the caller. */
  const admit = (request: IncomingMessage): { readonly address: PortAddress; readonly framing: Framing } => {
    const address = addressOf(request);
    if (address === null) throw fail("not_found");
    if (around.isStopping()) throw fail("shutting_down");
    return { address, framing: framingOf(request) };
  };

  /** A connection to what listens, in a place that it gives back when the client's connection or answer has closed. */
  const dial = async (opening: PortOpening, client: Duplex | ServerResponse): Promise<{ place: OpenExchange; capsule: Duplex }> => {
    const place = open.take(opening.target, opening.keyId, client);
    client.once("close", () => place.end());
    if (client.destroyed) place.end();
    const capsule = await opening.target.dial();
    if (client.destroyed) capsule.destroy();
    return { place, capsule };
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { address, framing } = admit(request);
    const opening = await portAccess(deps, request, address);
    if (opening.kind === "redirect") return sendPage(request, response, opening, deps.clock.now());
    const { place, capsule } = await dial(opening, response);
    if (response.destroyed) return;
    around.requestTimes.release(request);
    response.once("finish", () => {
      // The rest of a body that nobody waits for any more is not waited for without end.
      if (!request.complete) around.requestTimes.watch(request);
    });
    await new Promise<void>((resolve, reject) => {
      place.watch(request, response, capsule, (stall) => {
        if (response.headersSent || stall === "body") return void response.destroy();
        reject(fail("timeout", "What listens on this port gave no answer in time."));
      });
      exchange({ request, address, opening, framing, capsule, limits }, response).then(resolve, reject);
    }).catch((error: unknown) => {
      capsule.destroy();
      throw error;
    });
  };

  const join = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const { address, framing } = admit(request);
    if (hasBody(framing)) throw fail("invalid_request", "A WebSocket's first request has no body.");
    const opening = await portAccess(deps, request, address);
    if (opening.kind === "redirect") throw fail("invalid_request");
    const { place, capsule } = await dial(opening, socket);
    if (socket.destroyed) return;
    let isOpen = false;
    place.watchTunnel(socket, capsule, () => isOpen);
    await tunnel({ request, address, opening, framing, capsule, limits }, socket, head).catch((error: unknown) => {
      capsule.destroy();
      throw error;
    });
    isOpen = true;
  };

  return {
    takes: (request) => addressOf(request) !== null,
    serve(request, response) {
      const requestId = deps.ids.next("req");
      const startedAt = performance.now();
      const note = (status: number, code: ReturnType<typeof renderProblem>["code"] | null): void =>
        deps.metrics.answered("port", status, code, (performance.now() - startedAt) / 1000);
      request.on("error", () => {});
      serve(request, response).then(
        () => note(response.statusCode, null),
        (error: unknown) => {
          if (response.destroyed) return;
          const problem = renderProblem(error, requestId, deps.log);
          // What is left of a body has to be read before the connection can be used again.
          request.unpipe();
          request.resume();
          sendAnswer(request, response, problem, requestId, around);
          note(problem.status, problem.code);
        },
      );
    },
    upgrade(request, socket, head) {
      socket.on("error", () => socket.destroy());
      const requestId = deps.ids.next("req");
      join(request, socket, head).then(
        () => deps.metrics.answered("port", 101, null, 0),
        (error: unknown) => {
          if (socket.destroyed) return;
          const problem = renderProblem(error, requestId, deps.log);
          rawAnswer(socket, error, requestId);
          deps.metrics.answered("port", problem.status, problem.code, 0);
        },
      );
    },
    close() {
      open.close();
    },
  };
}
