import type { JsonSchema } from "@capsuled/contract";
import { escapeHtml, inline } from "./html.ts";

export type Components = Readonly<Record<string, JsonSchema>>;

const REF = "#/components/schemas/";
/** Levels of fields within fields that are shown. */
const DEPTH_MAX = 4;

/** A schema's fields as rows; fields of inner objects follow their own, indented. */
export function fieldRows(schema: JsonSchema, components: Components, depth = 0): string {
  const { properties = {}, required = [] } = resolved(schema, components);
  return Object.entries(properties)
    .map(([name, field]) => {
      const inner = innerObject(field, components);
      const rows = inner === null || depth + 1 >= DEPTH_MAX ? "" : fieldRows(inner, components, depth + 1);
      return fieldRow(name, field, required.includes(name), components, depth) + rows;
    })
    .join("");
}

export function fieldRow(name: string, field: JsonSchema, isRequired: boolean, components: Components, depth = 0): string {
  const target = resolved(field, components);
  const description = field.description ?? "";
  // What may be left out may be null as well; saying so each time tells nothing.
  const type = isRequired ? typeName(field, components) : typeName(field, components).replace(/ \| null$/, "");
  const note = isRequired ? '<span class="required">required</span>' : "";
  const fallback =
    target.default === undefined ? "" : `<span class="fact">default <code>${escapeHtml(JSON.stringify(target.default))}</code></span>`;
  return `<div class="field depth-${depth}"><div class="field-head"><code class="name">${escapeHtml(name)}</code><span class="type">${escapeHtml(type)}</span>${note}${fallback}${bounds(field, components)}</div>${description === "" ? "" : `<div class="field-text">${inline(description)}</div>`}</div>`;
}

export function resolved(schema: JsonSchema, components: Components): JsonSchema {
  if (schema.$ref === undefined) return schema;
  return components[schema.$ref.slice(REF.length)] ?? {};
}

/** The name of a component that a schema refers to, or null. */
export function componentName(schema: JsonSchema): string | null {
  return schema.$ref?.startsWith(REF) === true ? schema.$ref.slice(REF.length) : null;
}

/** Alternatives of a union, each one resolved. */
export function variants(schema: JsonSchema, components: Components): readonly JsonSchema[] {
  const target = resolved(schema, components);
  return (target.oneOf ?? target.anyOf ?? [target]).map((variant) => resolved(variant, components));
}

export function typeName(schema: JsonSchema, components: Components): string {
  const named = componentName(schema);
  if (named !== null) return named;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map((choice) => typeName(choice, components)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (typeof schema.type === "object") return schema.type.join(" | ");
  if (schema.type === "array") return `${schema.items === undefined ? "any" : typeName(schema.items, components)}[]`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object")
    return `map of ${typeName(schema.additionalProperties, components)}`;
  return schema.format === "date-time" ? "timestamp" : (schema.type ?? "any");
}

function innerObject(schema: JsonSchema, components: Components): JsonSchema | null {
  // Components have a place of their own on the page.
  if (schema.$ref !== undefined) return null;
  if (schema.properties !== undefined) return schema;
  if (schema.items?.$ref === undefined && schema.items !== undefined) return innerObject(schema.items, components);
  return (schema.anyOf ?? []).find((choice) => choice.properties !== undefined) ?? null;
}

function bounds(schema: JsonSchema, components: Components): string {
  const plain =
    [schema, ...(schema.anyOf ?? [])]
      .map((one) => resolved(one, components))
      .find((one) => one.type !== undefined && one.type !== "null") ?? schema;
  const facts: string[] = [];
  if (plain.minimum !== undefined || plain.maximum !== undefined) facts.push(range(plain.minimum, plain.maximum));
  if ((plain.maxLength ?? 0) > 0) facts.push(`at most ${plain.maxLength} characters`);
  if (plain.maxItems !== undefined) facts.push(`at most ${plain.maxItems} items`);
  return facts.map((fact) => `<span class="fact">${escapeHtml(fact)}</span>`).join("");
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined) return `at most ${maximum}`;
  return maximum === undefined ? `at least ${minimum}` : `${minimum} to ${maximum}`;
}
