import { ENDPOINT_NAME, LIMITS } from "@capsuled/contract";
import { closest } from "../../lib/closest.ts";
import type { FileField, FileNode, Place, ReadFile } from "./definition-file.ts";
import type { FileEndpoint } from "./import-endpoint.ts";
import { readEndpoint } from "./import-endpoint.ts";
import { locate } from "./locate.ts";
import { NAME_FORM } from "./name.ts";
import type { DefinitionPath } from "./problem.ts";
import { pathText } from "./problem.ts";
import type { FileProblem } from "./service.ts";

/** Endpoints of a file, and what is wrong with it; in order of the file. */
export interface DefinitionFile {
  readonly endpoints: readonly FileEndpoint[];
  readonly problems: readonly FileProblem[];
  readonly warnings: readonly FileProblem[];
}

/** The version of the file's form. */
const VERSION = 1;
const KNOWN = ["version", "endpoints"];
/** Fields of the documented file that say nothing here. */
const IGNORED = ["agent_name", "agent_version"];

/** Reads a file of definitions as far as its own text goes: form, fields, names. */
export function readDefinitionFile({ root, problems, spoiltLines }: ReadFile): DefinitionFile {
  const reader = new FileReader(spoiltLines);
  for (const note of problems) reader.problems.push(noted(note, [], note.message));
  if (root !== undefined) reader.read(root);
  return reader;
}

class FileReader implements DefinitionFile {
  readonly endpoints: FileEndpoint[] = [];
  readonly problems: FileProblem[] = [];
  readonly warnings: FileProblem[] = [];
  readonly #spoiltLines: ReadonlySet<number>;

  constructor(spoiltLines: readonly number[]) {
    this.#spoiltLines = new Set(spoiltLines);
  }

  read(root: FileNode): void {
    if (root.kind !== "map") return this.problem(root, [], "a file of definitions has `version: 1` and `endpoints`");
    const fields = new Map(root.fields.map((field) => [field.name, field]));
    this.#version(root, fields.get("version"));
    for (const field of root.fields) this.#unknown(field);
    const endpoints = fields.get("endpoints");
    if (endpoints === undefined) return this.problem(root, ["endpoints"], "is required");
    const { value } = endpoints;
    if (value.kind !== "list" || value.items.length === 0)
      return this.problem(value, ["endpoints"], "must be a list of at least one endpoint");
    if (value.items.length > LIMITS.importEndpointsMax) {
      return this.problem(value, ["endpoints"], `has ${value.items.length} endpoints, at most ${LIMITS.importEndpointsMax}`);
    }
    for (const [index, item] of value.items.entries()) this.#endpoint(item, index);
    this.#doubles();
  }

  problem(place: Place, path: DefinitionPath, message: string): void {
    if (!this.#spoiltLines.has(place.line)) this.problems.push(noted(place, path, message));
  }

  #version(root: FileNode, field: FileField | undefined): void {
    if (field === undefined) {
      this.warnings.push(noted(root, ["version"], `is missing and taken to be ${VERSION}`));
    } else if (field.value.kind !== "scalar" || field.value.value !== VERSION) {
      this.problem(field.value, ["version"], `must be ${VERSION}`);
    }
  }

  #unknown({ name, place }: FileField): void {
    if (KNOWN.includes(name)) return;
    if (IGNORED.includes(name)) this.warnings.push(noted(place, [name], "is ignored: there are no agents to choose here"));
    else this.problem(place, [name], `is not a known field${closest(name, [...KNOWN, ...IGNORED])}`);
  }

  #endpoint(node: FileNode, index: number): void {
    const path = ["endpoints", index];
    if (node.kind !== "map") return this.problem(node, path, "must be an endpoint with its fields");
    const read = readEndpoint(node);
    const at = (inner: DefinitionPath): Place => locate(node, inner);
    for (const { path: inner, message, place } of read.problems) this.problem(place ?? at(inner), [...path, ...inner], message);
    for (const { path: inner, message, place } of read.warnings)
      this.warnings.push(noted(place ?? at(inner), [...path, ...inner], message));
    if (read.name !== undefined && !ENDPOINT_NAME.test(read.name)) this.problem(at([read.nameField]), [...path, read.nameField], NAME_FORM);
    const isFollowing: FileEndpoint["isFollowing"] = (problem) => read.isFollowing(problem) || this.#spoiltLines.has(at(problem.path).line);
    this.endpoints.push({ ...read, isFollowing, node, path });
  }

  #doubles(): void {
    const first = new Map<string, Place>();
    for (const { name, nameField, node, path } of this.endpoints) {
      if (name === undefined) continue;
      const place = locate(node, [nameField]);
      const before = first.get(name);
      if (before === undefined) first.set(name, place);
      else this.problem(place, [...path, nameField], `${JSON.stringify(name)} is the name of the endpoint in line ${before.line} too`);
    }
  }
}

/** A note about a place, with the path as people write it. */
export function noted({ line, column }: Place, path: DefinitionPath, message: string): FileProblem {
  return { line, column, path: pathText(path), message };
}
