import type { BodyOf, Operation, ParamsOf, QueryOf } from "@capsuled/contract";
import { z } from "zod";
import type { CapsuledError } from "../core/fail.ts";
import { fail } from "../core/fail.ts";
import type { Log } from "../core/ports/log.ts";

/** A request's input as it came; `body` is undefined where none was sent. */
export interface RawInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Problems listed in one answer. */
export const PROBLEMS_MAX = 20;
/** Characters of a field's name in an answer. */
export const FIELD_CHARS_MAX = 120;

export interface Problem {
  readonly field: string;
  readonly message: string;
}

/** What names a thing in the path and cannot be a name is a thing that does not exist. */
export function parseParams<O extends Operation>(operation: O, raw: unknown): ParamsOf<O> {
  const parsed = z.safeParse(operation.params, raw);
  if (!parsed.success) throw fail("not_found");
  return parsed.data as ParamsOf<O>;
}

export function parseQuery<O extends Operation>(operation: O, raw: unknown, log: Log | null): QueryOf<O> {
  if (log !== null) noteDropped(operation.id, operation.query, raw, log);
  const parsed = z.safeParse(operation.query, raw);
  if (!parsed.success) throw invalidInput(parsed.error.issues);
  return parsed.data as QueryOf<O>;
}

/** No body counts as `{}`, so that one that is not needed can be left out. */
export function parseBody<O extends Operation>(operation: O, raw: unknown, log: Log | null): BodyOf<O> {
  if (operation.body === null) return undefined as BodyOf<O>;
  if (log !== null) noteDropped(operation.id, operation.body, raw, log);
  const parsed = z.safeParse(operation.body, raw ?? {});
  if (!parsed.success) throw invalidInput(parsed.error.issues);
  return parsed.data as BodyOf<O>;
}

/** The 400 that lists what is wrong with each field, by dotted path. */
export function invalidInput(issues: readonly z.core.$ZodIssue[]): CapsuledError {
  const problems = issues.flatMap(problemsOf).slice(0, PROBLEMS_MAX);
  const first = problems[0] ?? { field: "body", message: "is not valid" };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return fail("invalid_request", `${first.field}: ${first.message}${more}`, { details: { field: first.field, problems } });
}

export function problemsOf(issue: z.core.$ZodIssue): readonly Problem[] {
  const path = fieldName(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ field: fieldName([...issue.path, key]), message: "is not a known field" }));
    case "invalid_type":
      return [{ field: path, message: issue.message.endsWith("received undefined") ? "is required" : sentence(issue.message) }];
    case "too_small":
      return [{ field: path, message: issue.origin === "string" && issue.minimum === 1 ? "must not be empty" : sentence(issue.message) }];
    default:
      return [{ field: path, message: sentence(issue.message) }];
  }
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "body";
  return path
    .map((part) => (part === "" ? '""' : String(part)))
    .join(".")
    .slice(0, FIELD_CHARS_MAX);
}

function sentence(message: string): string {
  return message
    .replace(/^Invalid (?:input|option|string|key in record): /, "")
    .replace(/^Invalid (?:input|key in record)$/, "is not valid");
}

/** Names only: a value may be a secret. */
function noteDropped(operation: string, schema: z.ZodType, raw: unknown, log: Log): void {
  if (!(schema instanceof z.ZodObject) || schema.def.catchall !== undefined || typeof raw !== "object" || raw === null) return;
  const dropped = Object.keys(raw).filter((name) => !Object.hasOwn(schema.shape, name));
  if (dropped.length > 0)
    log.debug(
      { operation, fields: dropped.slice(0, PROBLEMS_MAX).map((name) => name.slice(0, FIELD_CHARS_MAX)) },
      "unknown fields were dropped",
    );
}
