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
  readonly method: "GET" | "POST" | "DELETE";
  /** With `{param}`s. Paths under `/v1` are served under `/api/v1` as well. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly auth: "none" | "member" | "admin";
  readonly idempotency: Idempotency;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  /** `null` when no body is read. */
  readonly body: z.ZodType | null;
  readonly bodyExample?: unknown;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  readonly errors: readonly ErrorCode[];
  readonly socket?: SocketSpec;
}

/** Keeps the schemas' own types, so that a handler's input is typed by its row. */
export function defineOperation<const O extends Operation>(operation: O): O {
  return operation;
}

export type ParamsOf<O extends Operation> = z.output<O["params"]>;
export type QueryOf<O extends Operation> = z.output<O["query"]>;
export type BodyOf<O extends Operation> = O["body"] extends z.ZodType ? z.output<O["body"]> : undefined;
