import type { BodyOf, Operation, OperationId, ParamsOf, QueryOf, SocketSpec } from "@capsuled/contract";
import { OPERATIONS } from "@capsuled/contract";
import type { Principal } from "../core/access/principal.ts";
import type { Intent } from "../core/idempotency/service.ts";
import type { Readable } from "node:stream";
import type { Answer } from "./answer.ts";
import type { RouteDeps } from "./deps.ts";
import type { RawInput } from "./parse.ts";
import { ignoredFields, parseBody, parseParams, parseQuery, parseWritten } from "./parse.ts";
import type { SocketSession } from "./sockets/session.ts";

type OperationOf<Id extends OperationId> = (typeof OPERATIONS)[Id];
type CallerOf<O extends Operation> = O["auth"] extends "none" | "optional" ? Principal | null : Principal;

/** The request behind a call, for the few routes that need more than their parsed input. */
export interface Exchange {
  /** Aborts when the client goes before it has its answer. */
  clientGone(): AbortSignal;
  /** Set when the request carries a key: it is done once, however often it comes. */
  readonly intent: Intent | undefined;
  /** Never empty: a browser that has had no event yet may send none, or an empty one. */
  readonly lastEventId: string | undefined;
  /** Whether the client asks for this very type. */
  accepts(type: string): boolean;
  /** As it was sent. */
  readonly method: string;
  /** The query without a ticket. */
  query(): URLSearchParams;
  /** The ticket that stands for the caller's key. */
  readonly ticket: string | null;
  /** A header by its name in lower case; `undefined` where there is none. */
  header(name: string): string | undefined;
  /** The raw body, at most `bytesMax`; empty where there is none. Throws `too_large`. */
  readBytes(bytesMax: number): Promise<Buffer>;
  /** The body as it comes, for as long as it does come: from here on only a pause of the client's is bounded. */
  takeBody(): UploadBody;
  /** Adds a header to the answer, whatever that becomes, an error too. */
  addHeader(name: string, value: string): void;
  readonly remoteAddress: string;
  /** What the peer's proxy says where it is on this machine, else the peer. */
  readonly clientAddress: string;
  /** Whether a proxy has passed the request on. */
  readonly isForwarded: boolean;
}

/** A body that is read as it comes. */
export interface UploadBody {
  readonly stream: Readable;
  /** Whether all of it has come. */
  isWhole(): boolean;
}

export interface Call<O extends Operation> {
  readonly params: ParamsOf<O>;
  readonly query: QueryOf<O>;
  readonly body: BodyOf<O>;
  readonly caller: CallerOf<O>;
}

/** An operation that answers over HTTP. */
export interface AnswerRoute<Id extends OperationId = OperationId> {
  readonly kind: "answer";
  readonly id: Id;
  readonly operation: Operation;
  /** Set where an `Idempotency-Key` names what is done, and not the answer. */
  readonly keepsNames?: true;
  /** Parses the input, then calls and renders. Throws `CapsuledError`. */
  run(deps: RouteDeps, caller: Principal | null, raw: RawInput, exchange: Exchange): Answer | Promise<Answer>;
}

/** An operation that is a WebSocket. */
export interface SocketRoute<Id extends OperationId = OperationId> {
  readonly kind: "socket";
  readonly id: Id;
  readonly operation: Operation;
  /** Parses the input and prepares the session, while errors still are HTTP answers. */
  open(deps: RouteDeps, caller: Principal, raw: RawInput, userAgent: string | undefined): Promise<SocketSession>;
}

export type Route = AnswerRoute | SocketRoute;

/** Exactly one route for each operation of the contract; a missing file is a type error. */
export type RouteTable = {
  readonly [Id in OperationId]: OperationOf<Id> extends { readonly socket: SocketSpec } ? SocketRoute<Id> : AnswerRoute<Id>;
};

export function route<Id extends OperationId>(
  id: Id,
  handle: (call: Call<OperationOf<Id>>, deps: RouteDeps, exchange: Exchange) => Answer | Promise<Answer>,
): AnswerRoute<Id> {
  const operation = OPERATIONS[id];
  return {
    kind: "answer",
    id,
    operation,
    run: (deps, caller, raw, exchange) => {
      const ignored = ignoredFields(operation, raw);
      if (ignored.length > 0) {
        exchange.addHeader("X-Ignored-Fields", ignored.join(", "));
        if (deps.config.logRequests) deps.log.debug({ operation: id, fields: ignored }, "unknown fields were dropped");
      }
      return handle(parseCall(operation, caller, raw), deps, exchange);
    },
  };
}

/** As `route`, for a use case that reads the body's fields itself, so that it can tell every problem at once. */
export function writtenRoute<Id extends OperationId>(
  id: Id,
  handle: (
    call: Omit<Call<OperationOf<Id>>, "body"> & { readonly written: Readonly<Record<string, unknown>> },
    deps: RouteDeps,
  ) => Answer | Promise<Answer>,
): AnswerRoute<Id> {
  const operation = OPERATIONS[id];
  return {
    kind: "answer",
    id,
    operation,
    run: (deps, caller, raw) => handle({ ...parseSurroundings(operation, caller, raw), written: parseWritten(raw.body) }, deps),
  };
}

export function socketRoute<Id extends OperationId>(
  id: Id,
  open: (call: Call<OperationOf<Id>>, deps: RouteDeps, userAgent: string | undefined) => Promise<SocketSession>,
): SocketRoute<Id> {
  const operation = OPERATIONS[id];
  return {
    kind: "socket",
    id,
    operation,
    open: async (deps, caller, raw, userAgent) => open(parseCall(operation, caller, raw), deps, userAgent),
  };
}

function parseCall<O extends Operation>(operation: O, caller: Principal | null, raw: RawInput): Call<O> {
  return { ...parseSurroundings(operation, caller, raw), body: parseBody(operation, raw.body) };
}

function parseSurroundings<O extends Operation>(operation: O, caller: Principal | null, raw: RawInput): Omit<Call<O>, "body"> {
  if (caller === null && operation.auth !== "none" && operation.auth !== "optional")
    throw new Error(`${operation.id} was called without a caller`);
  return {
    params: parseParams(operation, raw.params),
    query: parseQuery(operation, raw.query),
    // Checked above: only an operation without auth goes on without a caller.
    caller: caller as CallerOf<O>,
  };
}
