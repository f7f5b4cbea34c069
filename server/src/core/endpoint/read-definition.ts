import type { EndpointDefinition } from "@capsuled/contract";
import { endpointArg, endpointDefinition } from "@capsuled/contract";
import type { z } from "zod";
import { closest } from "../../lib/closest.ts";
import { issueText } from "../issue-text.ts";
import type { DefinitionProblem } from "./problem.ts";

/** A problem of a definition as it was written. */
export interface WrittenProblem extends DefinitionProblem {
  /** Set where what is wrong is that the field is there. */
  readonly isUnknown?: true;
}

export interface ReadDefinition {
  /** With stand-ins for what cannot be read, so that the rest can be checked. */
  readonly definition: EndpointDefinition | undefined;
  readonly problems: readonly WrittenProblem[];
  /** Whether a problem found later comes of what could not be read, and not of what was written. */
  isFollowing(problem: DefinitionProblem): boolean;
}

/** Fields as they were written; nothing of them is known yet. */
export type Written = Readonly<Record<string, unknown>>;

const FIELDS = Object.keys(endpointDefinition.shape);
const ARG_FIELDS = Object.keys(endpointArg.shape);
const TRANSFORMER_FIELDS = ["type", "pattern", "flags", "all", "expression"];
/** Rules between fields are looked at once each field is right by itself; each round takes away what was wrong in the one before. */
const ROUNDS_MAX = 5;
/** Unknown fields that are compared with the known ones, to tell what was meant; the others are named only. */
const HINTS_MAX = 20;
/** Fields whose problems may come of another that cannot be read. */
const FOLLOWS: Readonly<Record<string, readonly string[]>> = {
  command: ["shell"],
  secret: ["trigger", "public", "envs", "unsigned"],
  unsigned: ["trigger", "public", "secret"],
  public: ["trigger", "secret"],
  webhook_events: ["trigger"],
  webhook_source: ["trigger"],
  method: ["trigger", "stdin"],
  timezone: ["schedule"],
};

/** Reads a definition by its fields' own schemas, every problem at once: what is wrong is set aside, and the rest is looked at again. */
export function readDefinition(written: Written, otherFields: readonly string[] = []): ReadDefinition {
  const problems: WrittenProblem[] = [];
  const broken = new Set<string>();
  let left = written;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const parsed = endpointDefinition.safeParse(left);
    if (parsed.success) return { definition: parsed.data, problems, isFollowing };
    const { issues } = parsed.error;
    for (const issue of tellingIssues(issues, broken)) problems.push(...problemsOf(issue, [...FIELDS, ...otherFields]));
    left = withoutBroken(left, issues, broken);
  }
  return { definition: undefined, problems, isFollowing };

  function isFollowing({ path: [field, index], of: others = [] }: DefinitionProblem): boolean {
    const of = [String(field), ...(FOLLOWS[String(field)] ?? []), ...others];
    return of.some((name) => broken.has(name)) || (field === "args" && broken.has(`args.${index}`));
  }
}

/**
 * Of several problems at one place the last says most: that the field has no business there. And a rule between fields says nothing
 * where another of them is wrong.
 */
function tellingIssues(issues: readonly z.core.$ZodIssue[], broken: ReadonlySet<string>): readonly z.core.$ZodIssue[] {
  const lastAt = new Map(issues.map((issue, index) => [issue.path.join("."), index]));
  const wrong = new Set([...broken, ...issues.map((issue) => String(issue.path[0]))]);
  return issues.filter((issue, index) => {
    if (issue.path.length > 0 && lastAt.get(issue.path.join(".")) !== index) return false;
    const follows = FOLLOWS[String(issue.path[0])] ?? [];
    return issue.code !== "custom" || !follows.some((name) => wrong.has(name));
  });
}

function problemsOf(issue: z.core.$ZodIssue, fields: readonly string[]): readonly WrittenProblem[] {
  if (issue.code !== "unrecognized_keys") return [issueText(issue)];
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  const known = path[0] === "args" ? ARG_FIELDS : path[0] === "transformer" ? TRANSFORMER_FIELDS : fields;
  return issue.keys.map((key, index) => {
    const hint = index < HINTS_MAX ? closest(key, known) : "";
    return { path: [...path, key], message: `is not a known field${hint}`, isUnknown: true };
  });
}

/** What is left, with stand-ins where the rest would be misread without. */
function withoutBroken(written: Written, issues: readonly z.core.$ZodIssue[], broken: Set<string>): Written {
  const left: Record<string, unknown> = { ...written };
  const args = new Set<number>();
  for (const issue of issues) {
    const [field, index] = issue.path;
    if (field === undefined) {
      for (const key of issue.code === "unrecognized_keys" ? issue.keys : []) Reflect.deleteProperty(left, key);
    } else if (field === "args" && typeof index === "number") {
      args.add(index);
    } else {
      broken.add(String(field));
      Reflect.deleteProperty(left, field);
    }
  }
  for (const index of args) broken.add(`args.${index}`);
  const given = left["args"];
  if (Array.isArray(given)) left["args"] = given.map((arg: unknown, index) => (args.has(index) ? standIn(arg, index, broken) : arg));
  if (broken.has("command")) left["command"] = "true";
  return left;
}

/** An argument that cannot be read is there with its name, and nothing else is said of it. */
function standIn(arg: unknown, index: number, broken: Set<string>): Written {
  const name: unknown = typeof arg === "object" && arg !== null ? Reflect.get(arg, "name") : undefined;
  if (typeof name === "string" && endpointArg.shape.name.safeParse(name).success) return { name, enum: ["-"] };
  broken.add("args");
  return { name: `unnamed_${index}`, enum: ["-"] };
}
