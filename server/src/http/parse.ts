import type { BodyOf, Operation, ParamsOf, QueryOf } from "@capsuled/contract";
import { z } from "zod";
import { closest } from "../lib/closest.ts";
import { issueText } from "../core/issue-text.ts";
import { fieldsOf } from "./fields-of.ts";
import type { CapsuledError } from "../core/fail.ts";
import { fail } from "../core/fail.ts";

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

const writtenFields = z.record(z.string(), z.unknown());

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

export function parseQuery<O extends Operation>(operation: O, raw: unknown): QueryOf<O> {
  const parsed = z.safeParse(operation.query, raw);
  if (!parsed.success) throw invalidInput(parsed.error.issues, operation.query);
  const found: unknown = parsed.data;
  for (const [field, value] of Object.entries(typeof found === "object" && found !== null ? found : {})) {
    if (typeof value !== "number" || isDecimal(raw, field)) continue;
    const message = "must be a number in decimal digits";
    throw fail("invalid_request", `${field}: ${message}`, { details: { field, problems: [{ field, message }] } });
  }
  return parsed.data as QueryOf<O>;
}

/** Whether a number of a query is written as people write one: nothing at all, `0x10` and `1e3` are numbers to JavaScript too. */
function isDecimal(raw: unknown, field: string): boolean {
  const text: unknown = typeof raw === "object" && raw !== null ? Reflect.get(raw, field) : undefined;
  return typeof text !== "string" || /^-?\d+(\.\d+)?$/.test(text);
}

/** No body counts as `{}`, so that one that is not needed can be left out. */
export function parseBody<O extends Operation>(operation: O, raw: unknown): BodyOf<O> {
  if (operation.body === null || operation.bodyForm?.form === "raw") return undefined as BodyOf<O>;
  const parsed = z.safeParse(operation.body, raw ?? {});
  if (!parsed.success) throw invalidInput(parsed.error.issues, operation.body);
  return parsed.data as BodyOf<O>;
}

/** A body's fields as they were written; no body counts as none. */
export function parseWritten(raw: unknown): Readonly<Record<string, unknown>> {
  const parsed = z.safeParse(writtenFields, raw ?? {});
  if (!parsed.success) throw invalidInput(parsed.error.issues, writtenFields);
  return parsed.data;
}

/** The 400 that lists what is wrong with each field, by dotted path. */
export function invalidInput(issues: readonly z.core.$ZodIssue[], schema: z.ZodType): CapsuledError {
  const problems = problemsOf(issues, schema).slice(0, PROBLEMS_MAX);
  const first = problems[0] ?? { field: "body", message: "is not valid" };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return fail("invalid_request", `${first.field}: ${first.message}${more}`, { details: { field: first.field, problems } });
}

export function problemsOf(issues: readonly z.core.$ZodIssue[], schema: z.ZodType): readonly Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const known = fieldsOf(schema, issue.path);
      return issue.keys
        .slice(0, PROBLEMS_MAX)
        .map((key) => ({ field: fieldName([...issue.path, key]), message: `is not a known field${closest(key, known)}` }));
    }
    const { path, message } = issueText(issue);
    return [{ field: fieldName(path), message }];
  });
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "body";
  return path
    .map((part) => (part === "" ? '""' : String(part)))
    .join(".")
    .slice(0, FIELD_CHARS_MAX);
}

/**
 * The fields of a request that its operation ignores, since documented clients send them: names only, fit for a header. Operations of
 * our own refuse what they do not know.
 */
export function ignoredFields({ query, body }: Operation, raw: RawInput): readonly string[] {
  const names = [...droppedBy(query, raw.query), ...(body === null ? [] : droppedBy(body, raw.body))];
  return names.slice(0, PROBLEMS_MAX).map((name) => encodeURIComponent(name.toWellFormed().slice(0, FIELD_CHARS_MAX).toWellFormed()));
}

function droppedBy(schema: z.ZodType, raw: unknown): readonly string[] {
  if (!(schema instanceof z.ZodObject) || schema.def.catchall !== undefined || typeof raw !== "object" || raw === null) return [];
  return Object.keys(raw).filter((name) => !Object.hasOwn(schema.shape, name));
}
