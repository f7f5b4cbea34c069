import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import { API_VERSION, methodsOf, VERSION_HEADER } from "@capsuled/contract";
import type { Operation } from "@capsuled/contract";
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from "fastify";
import { isReserved } from "../core/access/slug.ts";
import { fail } from "../core/fail.ts";
import type { Intent } from "../core/idempotency/service.ts";
import type { Answer, BodyStream } from "./answer.ts";
import { admit } from "./auth.ts";
import { ResponseSink, wholeBody } from "./body-stream.ts";
import { namedParams } from "./capsule-name.ts";
import type { CorsPolicy } from "./cors.ts";
import type { RouteDeps } from "./deps.ts";
import { runNamed } from "./named-request.ts";
import type { HeldAnswers } from "./held-answers.ts";
import { pathsOf } from "./paths.ts";
import type { ProblemAnswer } from "./problem.ts";
import { renderProblem } from "./problem.ts";
import { ClientGoneError, readJson, readText } from "./read-body.ts";
import { RequestExchange } from "./request-exchange.ts";
import { requireTextQuery } from "./request-target.ts";
import type { RequestTimes } from "./request-times.ts";
import type { AnswerRoute, Route } from "./route.ts";

/** What the registrar needs to know of the server around it. */
export interface Surroundings {
  readonly cors: CorsPolicy;
  isStopping(): boolean;
  /** Whether the server has closed the connections that were still open when its time to stop was over. */
  isCutOff(): boolean;
  readonly requestTimes: RequestTimes;
  /** Milliseconds that a client may take nothing of what waits for it. */
  readonly stallMs: number;
  readonly held: HeldAnswers;
}

/** Characters of a body that is written at once; a longer one goes piece by piece, at the client's pace. */
const AT_ONCE_CHARS_MAX = 64 * 1024;

/** Every operation becomes a route of the framework, under each of its paths. */
export function registerRoutes(app: FastifyInstance, routes: readonly Route[], deps: RouteDeps, around: Surroundings): void {
  // Bodies are read by the route, after the caller is known: nothing is parsed for strangers.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));
  for (const route of routes) {
    for (const path of pathsOf(route.operation)) {
      app.route({
        method: methodsOf(route.operation).filter((method): method is HTTPMethods => app.supportedMethods.includes(method)),
        url: path.replaceAll(/\{(\w+)\}/g, ":$1"),
        // Before the framework looks for a parser of the body, which it would not use.
        onRequest: (request, reply, done) => {
          // Another operation's path with a method that it does not take.
          if (route.operation.method === "ANY" && isOurs(request.params)) return done();
          reply.hijack();
          serve(route, deps, around, request, reply).catch((error: unknown) => {
            deps.log.error({ request_id: request.id, operation: route.id, err: error }, "an answer could not be written");
            reply.raw.destroy();
          });
        },
        handler: (_request, reply) => reply.callNotFound(),
      });
    }
  }
}

/** Whether the owner in a call's path is one of the API's own words, which no team is called. */
function isOurs(params: unknown): boolean {
  const owner: unknown = typeof params === "object" && params !== null ? Reflect.get(params, "owner") : undefined;
  return typeof owner === "string" && isReserved(owner);
}

async function serve(route: Route, deps: RouteDeps, around: Surroundings, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const startedAt = performance.now();
  const added: string[] = [];
  try {
    const answer = await answerTo(route, deps, around, request, reply.raw, added);
    sendAnswer(request.raw, reply.raw, answer, request.id, around, added);
    deps.metrics.answered(route.id, answer.status, null, (performance.now() - startedAt) / 1000);
    if (deps.config.logRequests) deps.log.debug({ request_id: request.id, operation: route.id, status: answer.status }, "answered");
  } catch (error) {
    if (error instanceof ClientGoneError) return;
    const problem = renderProblem(error, request.id, deps.log);
    sendAnswer(request.raw, reply.raw, problem, request.id, around, added);
    noteProblem(deps, route.id, problem, request.id, startedAt);
  }
}

function noteProblem(deps: RouteDeps, operation: string, problem: ProblemAnswer, requestId: string, startedAt: number): void {
  deps.metrics.answered(operation, problem.status, problem.code, (performance.now() - startedAt) / 1000);
  deps.log.debug({ request_id: requestId, operation, status: problem.status, code: problem.code }, "refused");
}

/** The order of checks: the server's own state, the key, the body and the fields, then whatever the use case finds. */
async function answerTo(
  route: Route,
  deps: RouteDeps,
  around: Surroundings,
  request: FastifyRequest,
  response: ServerResponse,
  added: string[],
): Promise<Answer> {
  const { operation } = route;
  if (around.isStopping() && operation.errors.includes("shutting_down")) throw fail("shutting_down");
  const found = admit(deps, operation, request.raw);
  const caller = found instanceof Promise ? await found : found;
  if (route.kind === "socket") throw fail("upgrade_required");
  requireTextQuery(request.raw.url ?? "");
  const reading = bodyOf(operation, request.raw);
  const body = reading === undefined ? undefined : await reading;
  const naming = namedParams(deps.capsules, operation, caller, request.params);
  const params = naming === undefined ? request.params : await naming;
  const raw = { params, query: withoutTicket(operation, request.query), body };
  const run = (intent: Intent | undefined): Answer | Promise<Answer> =>
    (route satisfies AnswerRoute).run(deps, caller, raw, new RequestExchange(request.raw, response, intent, around, added));
  const key = operation.idempotency === "with_key" && route.keepsNames !== true ? request.raw.headers["idempotency-key"] : undefined;
  if (key === undefined || caller === null) return run(undefined);
  const named = { key: typeof key === "string" ? key : "", method: operation.method, url: request.raw.url ?? "", body };
  return runNamed(deps.idempotency, caller, route.id, named, async (intent) => run(intent));
}

function bodyOf({ body, bodyForm }: Operation, request: IncomingMessage): Promise<unknown> | undefined {
  if (body === null || bodyForm?.form === "raw") return undefined;
  return bodyForm === undefined ? readJson(request) : readText(request, bodyForm.types);
}

/** The router has parsed the query before anybody knew what a ticket is. */
function withoutTicket({ takesTicket }: Operation, query: unknown): unknown {
  if (takesTicket !== true || typeof query !== "object" || query === null || !("ticket" in query)) return query;
  const { ticket: _ticket, ...rest } = query;
  return rest;
}

/** Writes an answer at once; nothing when the client has gone. */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  requestId: string,
  around: Surroundings,
  added: readonly string[] = [],
): void {
  if (response.headersSent || response.destroyed) {
    answer.stream?.cancel();
    return;
  }
  const headers: string[] = ["X-Request-Id", requestId, VERSION_HEADER, API_VERSION];
  headers.push("X-Content-Type-Options", "nosniff", "Cache-Control", "no-store");
  if (answer.contentType !== null) headers.push("Content-Type", answer.contentType);
  const large = answer.body !== null && answer.body.length > AT_ONCE_CHARS_MAX ? Buffer.from(answer.body) : null;
  if (answer.body !== null) headers.push("Content-Length", String(large?.length ?? Buffer.byteLength(answer.body)));
  if (answer.headers !== null) for (const [name, value] of Object.entries(answer.headers)) headers.push(name, value);
  headers.push(...added);
  around.cors.addHeaders(request.headers.origin, headers);
  // A connection that is kept would keep the server from stopping.
  if (around.isStopping()) headers.push("Connection", "close");
  response.writeHead(answer.status, headers);
  const stream = large === null ? answer.stream : wholeBody([large]);
  if (stream !== undefined) return writeStream(request, response, stream, around);
  response.end(answer.body ?? answer.bytes);
  if (response.writableLength > 0) boundStall(response, around.stallMs);
}

/** What was written at once must be taken too. */
function boundStall(response: ServerResponse, stallMs: number): void {
  const stall = setTimeout(() => response.destroy(), stallMs);
  const over = (): void => clearTimeout(stall);
  response.once("finish", over).once("close", over);
}

/** Writes a body piece by piece; one that fails half-way breaks the connection off, since its end would pass for the whole. */
function writeStream(request: IncomingMessage, response: ServerResponse, stream: BodyStream, around: Surroundings): void {
  if (request.method === "HEAD") {
    stream.cancel();
    response.end();
    return;
  }
  response.flushHeaders();
  const sink = new ResponseSink(response, around.stallMs, around.held);
  stream
    .write(sink)
    .then(
      () => response.end(),
      () => response.destroy(),
    )
    .finally(() => around.held.release(sink));
}
