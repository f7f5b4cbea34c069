import type { EndpointDefinition } from "@capsuled/contract";
import type { FileField, FileNode, Place } from "./definition-file.ts";
import { locateName, plainOf } from "./locate.ts";
import type { DefinitionPath, DefinitionProblem } from "./problem.ts";
import type { ReadDefinition, WrittenProblem } from "./read-definition.ts";
import { readDefinition } from "./read-definition.ts";

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
  /** With stand-ins for what cannot be read; undefined where nothing more can be said of it. */
  readonly definition: EndpointDefinition | undefined;
  readonly isFollowing: ReadDefinition["isFollowing"];
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
  const { definition, problems: written, isFollowing } = readDefinition(plain, ["name"]);
  problems.push(...written.map((problem) => placed(problem, node)));
  return { ...named, definition, isFollowing, problems, warnings };
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

function placed(problem: WrittenProblem, node: FileNode): PlacedProblem {
  const { path, isUnknown } = problem;
  return isUnknown === true ? { ...problem, place: locateName(node, path.slice(0, -1), String(path.at(-1))) } : problem;
}
