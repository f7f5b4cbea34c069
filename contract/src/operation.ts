import type { z } from "zod";
import type { ErrorCode } from "./errors.ts";

/** `idempotent`: repeatable with the same outcome. `with_key`: a repeat does it again, unless both carry the same `Idempotency-Key`. */
export type Idempotency = "safe" | "idempotent" | "with_key";

export interface AnswerSpec {
  readonly description: string;
  /** `null` for an answer without a body. */
  readonly schema: z.ZodType | null;
  readonly example?: unknown;
  /** `application/json` unless said. */
  readonly contentType?: string;
  /** The same answer in other types, for callers that ask for them. */
  readonly alternatives?: Readonly<Record<string, { readonly schema: z.ZodType; readonly example?: unknown }>>;
}

/** A WebSocket in place of an answer: what each side may send. */
export interface SocketSpec {
  /** What the client sends first; `null` when nothing is awaited. */
  readonly first: z.ZodType | null;
  readonly client: z.ZodType | null;
  readonly server: z.ZodType;
  /** A short exchange, for the reference page. */
  readonly example?: readonly { readonly from: "client" | "server"; readonly message: unknown }[];
}

/** One route of the API, as data: the server's routes, OpenAPI, the SDKs and the list of tests that must exist come from it. */
export interface Operation {
  /** camelCase, unique; also the name of the route's file in kebab-case. */
  readonly id: string;
  /** `ANY`: each of `ANY_METHODS`. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "ANY";
  /** With `{param}`s. Paths under `/v1` are served under `/api/v1` as well. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The version that it came with, `0.1.0` unless said: clients tell of servers that are older. */
  readonly since?: string;
  /** `optional`: what is called says whether it needs a key. */
  readonly auth: "none" | "optional" | "member" | "admin";
  /** Whether a ticket in the query stands for a key: for pages in browsers, which cannot send headers here. */
  readonly takesTicket?: boolean;
  readonly idempotency: Idempotency;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  /** `null` when no body is read. */
  readonly body: z.ZodType | null;
  /** `text`: the body is a text of one of `types`. `raw`: its bytes are read as what is called says. JSON unless said. */
  readonly bodyForm?: { readonly form: "text" | "raw"; readonly types: readonly string[] };
  readonly bodyExample?: unknown;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  readonly errors: readonly ErrorCode[];
  readonly socket?: SocketSpec;
}

/** What an operation with the method `ANY` takes. */
export const ANY_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** The methods of an operation. */
export function methodsOf({ method }: Operation): readonly string[] {
  return method === "ANY" ? ANY_METHODS : [method];
}

/** Keeps the schemas' own types, so that a handler's input is typed by its row. */
export function defineOperation<const O extends Operation>(operation: O): O {
  return operation;
}

export type ParamsOf<O extends Operation> = z.output<O["params"]>;
export type QueryOf<O extends Operation> = z.output<O["query"]>;
/** A raw body is read by what is called, not parsed before. */
export type BodyOf<O extends Operation> = O extends { readonly bodyForm: { readonly form: "raw" } }
  ? undefined
  : O["body"] extends z.ZodType
    ? z.output<O["body"]>
    : undefined;
