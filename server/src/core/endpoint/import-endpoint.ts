import type { EndpointDefinition } from "@capsuled/contract";
import { endpointArg, endpointDefinition } from "@capsuled/contract";
import type { z } from "zod";
import { closest } from "../../lib/closest.ts";
import type { FileField, FileNode, Place } from "./definition-file.ts";
import { locateName, plainOf } from "./locate.ts";
import type { DefinitionPath, DefinitionProblem } from "./problem.ts";
import { issueText } from "./issue-text.ts";

/** A problem that stands elsewhere than at the value of its path. */
export interface PlacedProblem extends DefinitionProblem {
  readonly place?: Place;
}

/** One endpoint as the file has it. */
export interface FileEndpoint {
  readonly name: string | undefined;
  /** `name`, or the documented `slug`. */
  readonly nameField: string;
  readonly node: FileNode;
  /** Of the endpoint in the file. */
  readonly path: DefinitionPath;
  /** Without the fields in `broken`; undefined where too little of it can be read to say more. */
  readonly definition: EndpointDefinition | undefined;
  /** Fields that have problems of their own, so that whatever else is said of them says nothing. */
  readonly broken: ReadonlySet<string>;
}

interface ReadEndpoint extends Omit<FileEndpoint, "node" | "path"> {
  readonly problems: readonly PlacedProblem[];
  readonly warnings: readonly PlacedProblem[];
}

/** Documented fields that would promise what is not done here, and those that say nothing here. */
const REFUSED = ["approval_required", "privileged", "artifacts", "artifacts_local"];
const IGNORED: Readonly<Record<string, string>> = {
  agent_name: "there are no agents to choose here",
  agent_version: "there are no agents to choose here",
  approval_timeout_mins: "there are no approvals here",
};
const FIELDS = ["name", ...Object.keys(endpointDefinition.shape)];
const ARG_FIELDS = Object.keys(endpointArg.shape);
const TRANSFORMER_FIELDS = ["type", "pattern", "flags", "all", "expression"];
/** Without these, what is said of the command would be wrong. */
const ESSENTIAL = ["command", "args", "shell"];

export function readEndpoint(node: Extract<FileNode, { kind: "map" }>): ReadEndpoint {
  const problems: PlacedProblem[] = [];
  const warnings: PlacedProblem[] = [];
  const kept: FileField[] = [];
  for (const field of node.fields) {
    const { name, place } = field;
    const ignored = Object.hasOwn(IGNORED, name) ? IGNORED[name] : undefined;
    if (name === "name" || name === "slug") continue;
    if (ignored !== undefined) warnings.push({ path: [name], place, message: `is ignored: ${ignored}` });
    else if (REFUSED.includes(name)) {
      if (isSet(field.value)) problems.push({ path: [name], place, message: "is not supported; leave it out" });
    } else if (name !== "transformer" || !isPlainText(field.value)) kept.push(field);
  }
  const named = nameOf(node, problems, warnings);
  const plain = Object.fromEntries(kept.map(({ name, value }) => [name, plainOf(value)]));
  const parsed = endpointDefinition.safeParse(plain);
  const issues = parsed.success ? [] : parsed.error.issues;
  problems.push(...issues.flatMap((issue) => placed(issue, node)));
  const broken = new Set(issues.flatMap((issue) => (issue.path.length === 0 ? keysOf(issue) : [String(issue.path[0])])));
  return { ...named, definition: parsed.success ? parsed.data : rest(plain, broken), broken, problems, warnings };
}

function nameOf(
  node: Extract<FileNode, { kind: "map" }>,
  problems: PlacedProblem[],
  warnings: PlacedProblem[],
): Pick<FileEndpoint, "name" | "nameField"> {
  const name = node.fields.find((field) => field.name === "name");
  const slug = node.fields.find((field) => field.name === "slug");
  if (slug !== undefined && name !== undefined)
    problems.push({ path: ["slug"], place: slug.place, message: "is another word for `name`; leave it out" });
  else if (slug !== undefined) warnings.push({ path: ["slug"], place: slug.place, message: "is called `name` here" });
  const nameField = name === undefined && slug !== undefined ? "slug" : "name";
  const value = (name ?? slug)?.value;
  if (value?.kind === "scalar" && typeof value.value === "string") return { name: value.value, nameField };
  problems.push({
    path: [nameField],
    message: value === undefined ? "is required" : "must be text (in quotes, where it looks like a number)",
  });
  return { name: undefined, nameField };
}

/** `false`, nothing and an empty list promise nothing. */
function isSet(node: FileNode): boolean {
  if (node.kind === "scalar") return node.value !== null && node.value !== false;
  return node.kind === "map" || node.items.length > 0;
}

/** The documented `text` transformer leaves the output as it is. */
function isPlainText(node: FileNode): boolean {
  if (node.kind !== "map" || node.fields.length !== 1) return false;
  const [field] = node.fields;
  return field?.name === "type" && field.value.kind === "scalar" && field.value.value === "text";
}

function placed(issue: z.core.$ZodIssue, node: FileNode): readonly PlacedProblem[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code !== "unrecognized_keys") return [issueText(issue, path)];
  const known = path[0] === "args" ? ARG_FIELDS : path[0] === "transformer" ? TRANSFORMER_FIELDS : FIELDS;
  return issue.keys.map((key) => ({
    path: [...path, key],
    place: locateName(node, path, key),
    message: `is not a known field${closest(key, known)}`,
  }));
}

function keysOf(issue: z.core.$ZodIssue): readonly string[] {
  return issue.code === "unrecognized_keys" ? issue.keys : [];
}

function rest(plain: Readonly<Record<string, unknown>>, broken: ReadonlySet<string>): EndpointDefinition | undefined {
  if (ESSENTIAL.some((name) => broken.has(name))) return undefined;
  return endpointDefinition.safeParse(Object.fromEntries(Object.entries(plain).filter(([name]) => !broken.has(name)))).data;
}
