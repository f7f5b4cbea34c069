import type { JsonSchema, OpenapiDocument } from "@capsuled/contract";
import { attribute, docstring, isKeyword, pascal, quoted } from "./names.ts";

/** What the SDK calls otherwise than the API does: these have a form of their own there. */
const OWN_NAMES: Readonly<Record<string, string>> = { Capsule: "CapsuleInfo", EndpointPut: "EndpointDefinition", Process: "ProcessInfo" };
/** What no Python program meets: the SDK's own types stand for them. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "CallArguments",
  "Error",
  "StreamClientMessage",
  "StreamServerMessage",
  "StreamStart",
  "TerminalClientMessage",
  "TerminalConnect",
  "TerminalFirst",
  "TerminalServerMessage",
  "TerminalStart",
]);
const REF = "#/components/schemas/";

/** The types of what is answered (frozen dataclasses) and of what is sent (TypedDicts), from the API's own description. */
export function renderModels(document: OpenapiDocument): string {
  const { schemas } = document.components;
  const answered = reachable(schemas, answersOf(document));
  const sent = reachable(schemas, bodiesOf(document));
  const writer = new ModelWriter();
  for (const [name, schema] of Object.entries(schemas)) {
    if (LEFT_OUT.has(name)) continue;
    const python = OWN_NAMES[name] ?? name;
    if (answered.has(name)) writer.answered(python, schema);
    else if (sent.has(name)) writer.sent(python, schema);
  }
  return writer.text();
}

function answersOf(document: OpenapiDocument): readonly JsonSchema[] {
  return operationsOf(document).flatMap(({ responses }) =>
    Object.values(responses).flatMap(({ content = {} }) => Object.values(content).map(({ schema }) => schema)),
  );
}

function bodiesOf(document: OpenapiDocument): readonly JsonSchema[] {
  return operationsOf(document).flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}).map(({ schema }) => schema));
}

function operationsOf(document: OpenapiDocument): readonly OpenapiDocument["paths"][string][string][] {
  return Object.values(document.paths).flatMap((methods) => Object.values(methods));
}

/** Names of the components that these schemas lead to. */
function reachable(schemas: Readonly<Record<string, JsonSchema>>, from: readonly JsonSchema[]): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (schema: JsonSchema): void => {
    const name = schema.$ref?.slice(REF.length);
    if (name !== undefined && !found.has(name)) {
      found.add(name);
      const target = schemas[name];
      if (target !== undefined) visit(target);
    }
    for (const inner of [
      ...(schema.anyOf ?? []),
      ...(schema.oneOf ?? []),
      ...(schema.allOf ?? []),
      ...Object.values(schema.properties ?? {}),
    ])
      visit(inner);
    if (schema.items !== undefined) visit(schema.items);
    if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties);
  };
  for (const schema of from) visit(schema);
  return found;
}

class ModelWriter {
  readonly #parts: string[] = [];
  /** At the end, where all that they name is there. */
  readonly #aliases: string[] = [];
  readonly #names: string[] = [];
  /** Nested classes by their shape, so that the same one is written once. */
  readonly #shapes = new Map<string, string>();

  text(): string {
    const names = this.#names.toSorted().map((name) => `    ${quoted(name)},`);
    return `${HEAD}\n__all__ = [\n${names.join("\n")}\n]\n\n${[...this.#parts, ...this.#aliases].join("\n\n")}\n`;
  }

  answered(name: string, schema: JsonSchema): void {
    if (schema.oneOf !== undefined) return this.#union(name, schema.oneOf, schema.description);
    if (schema.properties === undefined) return this.#alias(name, this.#type(schema, name, "", "answered"), schema.description);
    this.#dataclass(name, schema);
  }

  sent(name: string, schema: JsonSchema): void {
    if (schema.oneOf !== undefined || schema.anyOf !== undefined || schema.properties === undefined) {
      return this.#alias(name, this.#type(schema, name, "", "sent"), schema.description);
    }
    this.#typedDict(name, schema);
  }

  #add(name: string, lines: readonly string[]): void {
    this.#names.push(name);
    this.#parts.push(lines.join("\n"));
  }

  #alias(name: string, type: string, description: string | undefined): void {
    this.#names.push(name);
    this.#aliases.push([`${name} = ${type}`, ...(description === undefined ? [] : [docstring(description, "")])].join("\n"));
  }

  #union(name: string, branches: readonly JsonSchema[], description: string | undefined): void {
    const names = branches.map((branch) => {
      const kind = branch.properties?.["type"]?.const;
      const branchName = `${typeof kind === "string" ? pascal(kind) : ""}${name}`;
      this.#dataclass(branchName, branch);
      return branchName;
    });
    this.#alias(name, `Union[${names.join(", ")}]`, description);
  }

  #dataclass(name: string, schema: JsonSchema): void {
    const required = new Set(schema.required);
    const fields = Object.entries(schema.properties ?? {}).map(([field, inner]) => {
      const type = this.#type(inner, name, field, "answered");
      const isGiven = required.has(field);
      const written = isGiven || type.endsWith("| None") ? type : `${type} | None`;
      const declared = `    ${attribute(field)}: ${written}${isGiven ? "" : " = None"}`;
      return inner.description === undefined ? declared : `${declared}\n${docstring(inner.description, "    ")}`;
    });
    const told = schema.description === undefined ? [] : [`${docstring(schema.description, "    ")}\n`];
    this.#add(name, [
      "@dataclass(frozen=True, kw_only=True)",
      `class ${name}:`,
      ...told,
      ...(fields.length === 0 ? ["    pass"] : fields),
      "",
    ]);
  }

  #typedDict(name: string, schema: JsonSchema): void {
    const fields = Object.entries(schema.properties ?? {});
    const required = new Set(schema.required);
    if (fields.some(([field]) => isKeyword(field))) {
      const entries = (isGiven: boolean): string[] =>
        fields
          .filter(([field]) => required.has(field) === isGiven)
          .map(([field, inner]) => `    ${quoted(field)}: ${quotedType(this.#type(inner, name, field, "sent"))},`);
      const base = `_${name}Required`;
      this.#parts.push(`${base} = TypedDict("${base}", {\n${entries(true).join("\n")}\n})`);
      this.#parts.push(`_${name}Optional = TypedDict("_${name}Optional", {\n${entries(false).join("\n")}\n}, total=False)`);
      this.#add(name, [
        `class ${name}(${base}, _${name}Optional):`,
        docstring(schema.description ?? `What \`${name}\` holds.`, "    "),
        "",
      ]);
      return;
    }
    const lines = (isGiven: boolean): string[] =>
      fields
        .filter(([field]) => required.has(field) === isGiven)
        .map(([field, inner]) => {
          const declared = `    ${field}: ${this.#type(inner, name, field, "sent")}`;
          return inner.description === undefined ? declared : `${declared}\n${docstring(inner.description, "    ")}`;
        });
    const [must, may] = [lines(true), lines(false)];
    if (must.length > 0 && may.length > 0) {
      this.#parts.push([`class _${name}Required(TypedDict):`, ...must, ""].join("\n"));
      this.#add(name, [`class ${name}(_${name}Required, total=False):`, ...may, ""]);
    } else {
      this.#add(name, [
        `class ${name}(TypedDict${must.length === 0 ? ", total=False" : ""}):`,
        ...must,
        ...may,
        ...(fields.length === 0 ? ["    pass"] : []),
        "",
      ]);
    }
  }

  #type(schema: JsonSchema, parent: string, field: string, way: "answered" | "sent"): string {
    if (schema.$ref !== undefined) {
      const name = schema.$ref.slice(REF.length);
      return name === "CallArguments" ? "Mapping[str, Any]" : (OWN_NAMES[name] ?? name);
    }
    const branches = schema.anyOf ?? schema.oneOf;
    if (branches !== undefined) return this.#either(branches, parent, field, way);
    if (schema.const !== undefined) return `Literal[${literal(schema.const)}]`;
    const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
    if (schema.enum !== undefined)
      return withNull(
        `Literal[${schema.enum
          .filter((value) => value !== null)
          .map(literal)
          .join(", ")}]`,
        types,
      );
    const named = types.filter((type) => type !== "null").map((type) => this.#plain(type, schema, parent, field, way));
    return named.length === 0
      ? "Any"
      : withNull(named.length === 1 ? (named[0] ?? "Any") : `Union[${[...new Set(named)].join(", ")}]`, types);
  }

  #either(branches: readonly JsonSchema[], parent: string, field: string, way: "answered" | "sent"): string {
    const types = branches
      .filter(({ type }) => type !== "null")
      .map((branch, index, all) =>
        this.#type(branch, parent, all.length > 1 && branch.properties !== undefined ? `${field}_${variant(branch, index)}` : field, way),
      );
    const flat = [...new Set(types)];
    const joined = flat.length === 1 ? (flat[0] ?? "Any") : `Union[${flat.join(", ")}]`;
    return branches.some(({ type }) => type === "null") && !joined.endsWith("| None") ? `${joined} | None` : joined;
  }

  #plain(type: string, schema: JsonSchema, parent: string, field: string, way: "answered" | "sent"): string {
    switch (type) {
      case "string":
        return schema.format === "date-time" && way === "answered" ? "datetime" : "str";
      case "integer":
        return "int";
      case "number":
        return "float";
      case "boolean":
        return "bool";
      case "array": {
        const item = schema.items === undefined ? "Any" : this.#type(schema.items, parent, `${field}_item`, way);
        return way === "answered" ? `tuple[${item}, ...]` : `Sequence[${item}]`;
      }
      case "object":
        return this.#object(schema, parent, field, way);
      default:
        throw new Error(`no Python type for ${type}`);
    }
  }

  #object(schema: JsonSchema, parent: string, field: string, way: "answered" | "sent"): string {
    if (schema.properties === undefined) {
      const value = typeof schema.additionalProperties === "object" ? this.#type(schema.additionalProperties, parent, field, way) : "Any";
      return `Mapping[str, ${value}]`;
    }
    const shape = `${way} ${field} ${JSON.stringify(schema)}`;
    const known = this.#shapes.get(shape);
    if (known !== undefined) return known;
    const own = pascal(field);
    const name = this.#names.includes(own) || field.endsWith("_item") || field === "data" || way === "sent" ? `${parent}${own}` : own;
    this.#shapes.set(shape, name);
    if (way === "answered") this.#dataclass(name, schema);
    else this.#typedDict(name, schema);
    return name;
  }
}

/** What tells the branches of a union apart in a name. */
function variant(branch: JsonSchema, index: number): string {
  const kind = branch.properties?.["type"]?.const;
  if (typeof kind === "string") return kind;
  const [only, ...others] = Object.keys(branch.properties ?? {});
  return only !== undefined && others.length === 0 ? only : index === 0 ? "" : String(index);
}

function withNull(type: string, types: readonly string[]): string {
  return types.includes("null") ? `${type} | None` : type;
}

function literal(value: unknown): string {
  return typeof value === "string" ? quoted(value) : value === true ? "True" : value === false ? "False" : String(value);
}

/** In a functional TypedDict a type is an expression: one that names what is written later has to be quoted. */
function quotedType(type: string): string {
  return quoted(type.replaceAll('"', "'"));
}

const HEAD = `# Made by \`npm run generate\` from contract/. Do not change it by hand.
"""What the server answers, as frozen dataclasses, and what it is sent, as TypedDicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict, Union
`;
