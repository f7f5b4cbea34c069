import { API_VERSION, methodsOf, NO_SUCH_PATH, VERSION_HEADER } from "@capsuled/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { fail } from "../core/fail.ts";
import { json } from "./answer.ts";
import type { RouteDeps } from "./deps.ts";
import type { PathTable } from "./paths.ts";
import { renderProblem } from "./problem.ts";
import type { Surroundings } from "./register.ts";
import { sendAnswer } from "./register.ts";
import type { Route } from "./route.ts";

/** Answers what no route takes: unknown paths, known ones with another method, preflights, and what the framework itself refuses. */
export function registerUnrouted(app: FastifyInstance, paths: PathTable<Route>, deps: RouteDeps, around: Surroundings): void {
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    const problem = renderProblem(error, request.id, deps.log);
    sendAnswer(request.raw, reply.raw, problem, request.id, around);
    deps.metrics.answered("unknown", problem.status, problem.code, 0);
  };
  app.setNotFoundHandler((request, reply) => {
    if (request.raw.url?.split("?", 1)[0] === "/" && (request.method === "GET" || request.method === "HEAD"))
      return answerRoot(request, reply, around);
    const methods = [...new Set(paths.matches(request.raw.url).flatMap(({ route }) => methodsOf(route.operation)))];
    if (methods.length === 0)
      return refuse(fail("not_found", "There is no such path.", { details: { reason: NO_SUCH_PATH } }), request, reply);
    const allow = allowed(methods);
    if (request.method === "OPTIONS") return answerOptions(request, reply, allow, around);
    refuse(fail("method_not_allowed", undefined, { details: { allow } }), request, reply);
  });
  app.setErrorHandler(refuse);
}

function allowed(methods: readonly string[]): readonly string[] {
  return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
}

/** Where to look first, for people and for programs. */
function answerRoot(request: FastifyRequest, reply: FastifyReply, around: Surroundings): void {
  reply.hijack();
  const links = { docs: "/docs", openapi: "/openapi.json", health: "/healthz", api: "/v1" };
  sendAnswer(request.raw, reply.raw, json(302, links, { location: "/docs" }), request.id, around);
}

function answerOptions(request: FastifyRequest, reply: FastifyReply, allow: readonly string[], around: Surroundings): void {
  reply.hijack();
  const headers = ["X-Request-Id", request.id, VERSION_HEADER, API_VERSION, "Allow", allow.join(", ")];
  around.cors.addHeaders(request.headers.origin, headers);
  around.cors.addPreflightHeaders(request.headers.origin, allow, headers);
  reply.raw.writeHead(204, headers);
  reply.raw.end();
}
