import { LIMITS, OPERATIONS } from "@capsuled/contract";
import type { Principal } from "../../core/access/principal.ts";
import { readArguments } from "../../core/endpoint/arguments.ts";
import { buildInvocation } from "../../core/endpoint/build-invocation.ts";
import type { Published } from "../../core/endpoint/service.ts";
import { fail } from "../../core/fail.ts";
import { NOTIFICATION_HEADER } from "../../core/notification/deliveries.ts";
import type { RunHandle, RunRequest } from "../../core/run/service.ts";
import type { Answer } from "../answer.ts";
import { json } from "../answer.ts";
import { enterStream, streamAnswer } from "../calls/answer-run.ts";
import { callResultOf } from "../calls/call-result.ts";
import { isAsync, methodsOfEndpoint } from "../../core/endpoint/told.ts";
import type { Given } from "../calls/given-arguments.ts";
import { argumentsOfQuery, givenArguments } from "../calls/given-arguments.ts";
import { publishedFor } from "../calls/published.ts";
import { requestName } from "../calls/request-name.ts";
import { beginOf, noSuchRun, placeOf, requireWithin } from "../calls/resume-place.ts";
import { acceptDelivery, deliveryName } from "../calls/webhook.ts";
import type { RouteDeps } from "../deps.ts";
import { parseParams } from "../parse.ts";
import type { AnswerRoute, Exchange } from "../route.ts";

/** Every delivery of one name is the same one: senders change what they send with their attempts, such as how many are left. */
const ANY_BODY = "delivery";

/** What is asked of an endpoint. */
interface Asked {
  readonly published: Published;
  readonly caller: Principal | null;
  readonly exchange: Exchange;
}

export const callEndpoint: AnswerRoute<"callEndpoint"> = {
  kind: "answer",
  id: "callEndpoint",
  operation: OPERATIONS.callEndpoint,
  keepsNames: true,
  async run(deps, caller, raw, exchange) {
    const { owner, name } = parseParams(OPERATIONS.callEndpoint, raw.params);
    const published = await publishedFor(deps, caller, owner, name);
    const { definition } = published.endpoint;
    const allow = methodsOfEndpoint(definition);
    if (!allow.some((method) => method === exchange.method)) throw fail("method_not_allowed", undefined, { details: { allow } });
    deps.rates.count(caller?.keyId ?? null, exchange);
    if (exchange.header(NOTIFICATION_HEADER) !== undefined && definition.notify_url !== undefined) throw notifiesAgain();
    const asked = { published, caller, exchange };
    if (exchange.lastEventId !== undefined) return attach(deps, asked, exchange.lastEventId);
    if (definition.trigger === "webhook") return deliver(deps, asked);
    const isBodyInput = definition.stdin === "body";
    const given = isBodyInput ? argumentsOfQuery(exchange.query()) : await givenArguments(exchange);
    return begin(deps, asked, given, isBodyInput ? await exchange.readBytes(LIMITS.stdinBytesMax) : null, null);
  },
};

/** A notification that made another one could go round for ever. */
function notifiesAgain(): Error {
  return fail("invalid_request", "A notification does not start an endpoint that notifies in its turn.");
}

/** A caller that was cut off: it gets what comes after, of the run that it has begun, and never another one. */
async function attach(deps: RouteDeps, asked: Asked, eventId: string): Promise<Answer> {
  const { published, caller, exchange } = asked;
  const place = placeOf(eventId);
  const stream = enterStream(deps, caller, exchange);
  try {
    const handle = await deps.runs.find(published.endpoint.id, place.runId);
    if (handle === undefined) throw noSuchRun();
    requireWithin(handle, place);
    exchange.addHeader("X-Run-Id", handle.run.id);
    attend(deps, asked, handle, "follows");
    return streamAnswer(deps, exchange, handle, place, published.endpoint.definition.transformer, stream);
  } catch (error) {
    stream.leave();
    throw error;
  }
}

async function deliver(deps: RouteDeps, asked: Asked): Promise<Answer> {
  const accepted = await acceptDelivery(deps, asked.published, asked.exchange);
  if ("ignored" in accepted) return json(200, { ignored: true, event: accepted.ignored });
  const { body, deliveryId } = accepted;
  const dedupe = deliveryId === null ? null : { name: deliveryName(deliveryId), fingerprint: ANY_BODY };
  return begin(deps, asked, argumentsOfQuery(asked.exchange.query()), body, dedupe);
}

/** Starts a run, or finds the one that the same request began, and answers as its caller wants it. */
async function begin(
  deps: RouteDeps,
  asked: Asked,
  given: Given,
  stdin: Uint8Array | null,
  delivery: RunRequest["dedupe"],
): Promise<Answer> {
  const { published, caller, exchange } = asked;
  const { endpoint } = published;
  const { definition } = endpoint;
  const args = readArguments(definition, given);
  const invocation = buildInvocation(definition, args);
  const keyId = caller?.teamId === endpoint.teamId ? caller.keyId : null;
  const request: RunRequest = {
    endpoint,
    invocation,
    args,
    stdin,
    source: definition.trigger === "webhook" ? "webhook" : keyId === null ? "public" : "api",
    keyId,
    dedupe: delivery ?? requestName(exchange, caller, { args, stdin }),
    mode: isAsync(definition) ? "async" : "wait",
  };
  if (request.mode === "async") {
    const { run } = await start(deps, request, exchange);
    return json(202, { run_id: run.id, status: run.status });
  }
  if (wantsJson(exchange)) {
    const handle = await start(deps, request, exchange);
    if (exchange.ticket !== null) deps.tickets.bind(exchange.ticket, handle.run.id);
    attend(deps, asked, handle, "begins");
    return callResultOf(deps, handle, definition.transformer, () => enterStream(deps, caller, exchange));
  }
  const stream = enterStream(deps, caller, exchange);
  try {
    const handle = await start(deps, request, exchange);
    attend(deps, asked, handle, "begins");
    return streamAnswer(deps, exchange, handle, beginOf(handle), definition.transformer, stream);
  } catch (error) {
    stream.leave();
    throw error;
  }
}

async function start({ runs }: RouteDeps, request: RunRequest, exchange: Exchange): Promise<RunHandle> {
  const handle = await runs.start(request);
  exchange.addHeader("X-Run-Id", handle.run.id);
  if (!handle.isNew) exchange.addHeader("Idempotent-Replayed", "true");
  return handle;
}

/** With `on_disconnect: kill` a run ends when the last of its callers has gone. */
function attend({ attendance, runs }: RouteDeps, { published, exchange }: Asked, handle: RunHandle, role: "begins" | "follows"): void {
  if (published.endpoint.definition.on_disconnect !== "kill") return;
  attendance.attend(handle, role, exchange.clientGone(), () => runs.abandon(handle.run.id));
}

/** Only who asks for JSON, and not for events too, gets it: a client that takes anything gets events. */
function wantsJson(exchange: Exchange): boolean {
  return exchange.accepts("application/json") && !exchange.accepts("text/event-stream");
}
