import { LIMITS, utf8Bytes } from "@capsuled/contract";
import { closest } from "../../lib/closest.ts";
import { fail } from "../fail.ts";
import { readType, refusedBy } from "./arg-value.ts";
import { compileDefinition } from "./compile.ts";
import type { EndpointArg } from "./compile.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import type { Pattern } from "./pattern.ts";
import type { ArgValue, ArgValues, StoredDefinition } from "./record.ts";

interface Problem {
  readonly field: string;
  readonly message: string;
}

/** Problems listed in one answer, unknown names that are compared with the known ones, and characters of a field's name in it. */
export const PROBLEMS_MAX = 20;
const HINTS_MAX = 3;
export const FIELD_CHARS_MAX = 120;

/**
 * A call's arguments, checked: from a flat JSON object, a form or a query, by name. `null` counts as left out. A name that the
 * endpoint does not have is refused, since a typo is worse than a refusal. Throws `invalid_request` with every problem.
 */
export function readArguments(definition: StoredDefinition, given: Readonly<Record<string, unknown>>): ArgValues {
  const { args, patterns } = compileDefinition(definition);
  const problems: Problem[] = [];
  const values: [string, ArgValue][] = [];
  let steps = 0;
  for (const arg of args) {
    const raw = Object.hasOwn(given, arg.name) ? given[arg.name] : undefined;
    const pattern = patterns.get(arg.name);
    // Each match takes linear time; but there are many, and a caller chooses how long they are.
    if (pattern !== undefined && typeof raw === "string") steps += pattern.size * raw.length;
    if (steps > ENDPOINT_LIMITS.patternStepsMax) {
      problems.push({ field: arg.name, message: "is too long to be compared with its pattern" });
      break;
    }
    const read = readArgument(arg, pattern, raw);
    if (read.problem !== undefined) problems.push({ field: arg.name, message: read.problem });
    else if (read.value !== undefined) values.push([arg.name, read.value]);
  }
  problems.push(...unknownNames(args, given));
  const bytes = values.reduce((sum, [, value]) => sum + (typeof value === "string" ? utf8Bytes(value) : 0), 0);
  if (bytes > ENDPOINT_LIMITS.argumentsBytesMax) {
    problems.push({ field: "args", message: `are ${bytes} bytes together, at most ${ENDPOINT_LIMITS.argumentsBytesMax}` });
  }
  if (problems.length > 0) throw refusal(problems);
  // Entries, so that `__proto__` and its kind would be plain names here.
  return Object.fromEntries(values);
}

/** A stranger may send any number of names: each costs a look, and only a few a comparison. */
function unknownNames(args: readonly EndpointArg[], given: Readonly<Record<string, unknown>>): readonly Problem[] {
  const known = new Set(args.map((arg) => arg.name));
  return Object.keys(given)
    .filter((name) => !known.has(name))
    .map((name, index) => ({
      field: name === "" ? '""' : name.slice(0, FIELD_CHARS_MAX),
      message: `is not an argument of this endpoint${index < HINTS_MAX ? closest(name, [...known]) : ""}`,
    }));
}

function readArgument(
  arg: EndpointArg,
  pattern: Pattern | undefined,
  raw: unknown,
): { readonly value?: ArgValue; readonly problem?: string } {
  if (raw === undefined || raw === null) {
    if (arg.default !== undefined) return { value: arg.default };
    return arg.required ? { problem: "is required" } : {};
  }
  if (typeof raw === "string" && raw.length > LIMITS.endpointArgCharsMax) {
    return { problem: `must have at most ${LIMITS.endpointArgCharsMax} characters` };
  }
  const read = readType(arg.type, raw);
  if (!read.ok) return { problem: read.problem };
  const problem = refusedBy(arg, pattern, read.value);
  return problem === undefined ? { value: read.value } : { problem };
}

function refusal(problems: readonly Problem[]): Error {
  const listed = problems.slice(0, PROBLEMS_MAX);
  const [first = { field: "args", message: "are not valid" }] = listed;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return fail("invalid_request", `${first.field}: ${first.message}${more}`, { details: { field: first.field, problems: listed } });
}
