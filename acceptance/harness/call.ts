import assert from "node:assert/strict";
import { ERRORS, errorsOf, methodsOf, OPERATIONS } from "@capsuled/contract";
import type { ErrorCode, Operation, OperationId } from "@capsuled/contract";
import type { z } from "zod";
import { readState } from "./state.ts";

export interface CallOptions {
  /** `null` sends none; the admin's by default. */
  readonly key?: string | null;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly prefix?: "" | "/api";
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Operations whose successful answers carry a typed JSON body. */
type Answered<O extends OperationId, S extends number> = S extends keyof (typeof OPERATIONS)[O]["answers"]
  ? (typeof OPERATIONS)[O]["answers"][S] extends { readonly schema: infer Z }
    ? Z extends z.ZodType
      ? z.output<Z>
      : null
    : null
  : null;

/** One HTTP request, its answer checked against the contract: a declared status and body, or a declared error. */
export async function call(id: OperationId, options: CallOptions = {}): Promise<Answer> {
  const operation: Operation = OPERATIONS[id];
  const { url, adminKey } = readState();
  const key = options.key === undefined ? adminKey : options.key;
  const headers: Record<string, string> = { ...options.headers };
  if (key !== null) headers["x-api-key"] = key;
  if (options.body !== undefined) headers["content-type"] ??= "application/json";
  const response = await fetch(`${url}${options.prefix ?? ""}${pathOf(operation, options)}`, {
    method: methodsOf(operation).includes("POST") ? "POST" : operation.method,
    headers,
    ...(options.body === undefined ? {} : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("application/json");
  const body: unknown = text === "" ? null : isJson ? JSON.parse(text) : text;
  const answer = { status: response.status, headers: response.headers, body };
  checkAnswer(id, operation, answer);
  return answer;
}

/** As `call`, and the answer must have this status; gives its body with the contract's type. */
export async function expectCall<O extends OperationId, const S extends number>(
  id: O,
  status: S,
  options: CallOptions = {},
): Promise<Answered<O, S>> {
  const answer = await call(id, options);
  assert.equal(answer.status, status, `${id} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body as Answered<O, S>; // checkAnswer has parsed it by the same schema
}

/** As `call`, and the answer must be this error. */
export async function expectError(id: OperationId, code: ErrorCode, options: CallOptions = {}): Promise<ErrorBody> {
  const answer = await call(id, options);
  assert.equal(answer.status, ERRORS[code].status, `${id} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  const error = errorOf(answer.body);
  assert.equal(error.code, code, `${id}: ${JSON.stringify(answer.body)}`);
  return error;
}

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly requestId: string;
  readonly details: unknown;
}

/** The error in an answer's body; throws where the body is not of the one shape that errors have. */
export function errorOf(body: unknown): ErrorBody {
  const error = property(body, "error");
  const code = property(error, "code");
  const message = property(error, "message");
  const requestId = property(error, "request_id");
  assert.ok(typeof code === "string" && code in ERRORS, `not a code of the catalogue: ${JSON.stringify(body)}`);
  assert.ok(typeof message === "string" && message !== "", `an error says what is wrong: ${JSON.stringify(body)}`);
  assert.ok(typeof requestId === "string" && requestId !== "", `an error carries its request's id: ${JSON.stringify(body)}`);
  return { code: code as ErrorCode, message, requestId, details: property(error, "details") }; // checked against the catalogue above
}

/** A property of something unknown, or `undefined`. */
export function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** What stands at a path of properties in a JSON text. */
export function jsonAt(text: string, ...path: readonly string[]): unknown {
  const whole: unknown = JSON.parse(text);
  return path.reduce(property, whole);
}

/** Codes that any operation may answer with. */
const EVERYWHERE: readonly ErrorCode[] = ["invalid_request", "method_not_allowed", "too_large", "unsupported_media_type"];

function checkAnswer(id: OperationId, operation: Operation, answer: Answer): void {
  assert.ok(answer.headers.get("x-request-id"), `${id}: every answer names its request`);
  const spec = operation.answers[answer.status];
  if (spec !== undefined) {
    if (spec.schema === null) assert.equal(answer.body, null, `${id} ${answer.status} has no body`);
    else (spec.alternatives?.[answer.headers.get("content-type")?.split(";", 1)[0] ?? ""]?.schema ?? spec.schema).parse(answer.body);
    return;
  }
  const { code } = errorOf(answer.body);
  assert.equal(answer.status, ERRORS[code].status, `${id}: ${code} belongs to ${ERRORS[code].status}`);
  const declared = errorsOf(operation);
  assert.ok(declared.includes(code) || EVERYWHERE.includes(code), `${id} does not declare ${code}: ${JSON.stringify(answer.body)}`);
}

function pathOf(operation: Operation, options: CallOptions): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(options.params?.[name] ?? ""));
  const query = new URLSearchParams(options.query).toString();
  return query === "" ? path : `${path}?${query}`;
}
