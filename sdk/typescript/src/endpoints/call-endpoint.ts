import { MethodNotAllowedError } from "../api-errors.ts";
import type { CallAccepted, CallArguments, CallEvent, CallIgnored, CallResult, Endpoint } from "../contract/schemas.ts";
import { property } from "../transport/answer.ts";
import { randomHex } from "../transport/bytes.ts";
import type { NamesOf } from "../transport/options.ts";
import { requireKnown } from "../transport/options.ts";
import { follow } from "../transport/sse.ts";
import type { RepeatableOptions, Request, Transport } from "../transport/transport.ts";
import { REPEATABLE_OPTIONS } from "../transport/transport.ts";
import { callEventOf, isLastCallEvent } from "./call-events.ts";

export interface EndpointCallOptions extends RepeatableOptions {
  /** One of the endpoint's methods; POST by default, or the first of those that it takes. */
  readonly method?: Endpoint["method"][number] | undefined;
  /** For an endpoint with `stdin: body`: what its command reads. Its arguments go into the URL then. */
  readonly stdin?: string | undefined;
}

const ENDPOINT_CALL_OPTIONS = { ...REPEATABLE_OPTIONS, method: true, stdin: true } as const satisfies NamesOf<EndpointCallOptions>;

/** Milliseconds that a call waits for its end beyond a request's time: its endpoint's own timeout ends it. */
const CALL_TIMEOUT_MS = null;

/** Which endpoint is meant: its URL's two parts. */
export interface EndpointAddress {
  readonly owner: string;
  readonly name: string;
}

/** Calls an endpoint and waits for its end. A repeat after a broken connection attaches to the same run. */
export async function callEndpoint(
  transport: Transport,
  params: EndpointAddress,
  args: CallArguments,
  options: EndpointCallOptions,
): Promise<CallResult | CallAccepted | CallIgnored> {
  const idempotencyKey = options.idempotencyKey === undefined ? `sdk-${randomHex(16)}` : options.idempotencyKey;
  return withMethod(options, (method) =>
    transport.json<CallResult | CallAccepted | CallIgnored>("callEndpoint", {
      ...requestOf(params, args, options, method, "application/json"),
      idempotencyKey,
      requestTimeoutMs: options.requestTimeoutMs ?? CALL_TIMEOUT_MS,
    }),
  );
}

/** Calls an endpoint and follows its lines, then its end. */
export async function* streamEndpoint(
  transport: Transport,
  params: EndpointAddress,
  args: CallArguments,
  options: EndpointCallOptions,
): AsyncGenerator<CallEvent, void, undefined> {
  const { signal } = options;
  const idempotencyKey = options.idempotencyKey === undefined ? `sdk-${randomHex(16)}` : options.idempotencyKey;
  const events = follow(transport, {
    open: (lastId) =>
      withMethod(options, async (method) => {
        const request = requestOf(params, args, options, method, "text/event-stream");
        const headers = lastId === null ? request.headers : { ...request.headers, "last-event-id": lastId };
        const response = await transport.open("callEndpoint", {
          ...request,
          ...(headers === undefined ? {} : { headers }),
          idempotencyKey,
        });
        return response.status === 204 ? undefined : response;
      }),
    isLast: isLastCallEvent,
    signal,
  });
  for await (const event of events) yield callEventOf(event);
}

function requestOf(params: EndpointAddress, args: CallArguments, options: EndpointCallOptions, method: string, accept: string): Request {
  requireKnown(options, ENDPOINT_CALL_OPTIONS);
  const hasBody = method !== "GET" && method !== "DELETE";
  const inQuery = !hasBody || options.stdin !== undefined;
  return {
    params: { owner: params.owner, name: params.name },
    method,
    headers: { accept },
    signal: options.signal,
    ...(inQuery ? { query: args } : { body: args }),
    ...(hasBody && options.stdin !== undefined ? { body: options.stdin, contentType: "application/octet-stream" } : {}),
  };
}

/** Tries POST, and where the endpoint does not take it, what it takes: nothing has run then. */
async function withMethod<T>(options: EndpointCallOptions, send: (method: string) => Promise<T>): Promise<T> {
  try {
    return await send(options.method ?? "POST");
  } catch (error) {
    if (!(error instanceof MethodNotAllowedError) || options.method !== undefined) throw error;
    const allow = property(error.details, "allow");
    const first: unknown = Array.isArray(allow) ? allow[0] : undefined;
    if (typeof first !== "string") throw error;
    return send(first);
  }
}
