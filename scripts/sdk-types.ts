import {
  API_VERSION,
  NO_SUCH_PATH,
  VERSION_HEADER,
  buildLogEntry,
  callEvent,
  ERRORS,
  eventGap,
  methodsOf,
  OPERATION_LIST,
  STREAM_ERROR_CODES,
} from "@capsuled/contract";
import type { JsonSchema, OpenapiDocument } from "@capsuled/contract";
import { SchemaRenderer } from "../contract/src/json-schema.ts";

const HEAD = "// Made from the contract by `npm run generate`. Change the contract, not this file.\n";

/** The contract as the TypeScript SDK has it: types without a library, and each operation as a row of data. */
export function renderSdkTypes(document: OpenapiDocument): string {
  const streamed = new SchemaRenderer();
  streamed.render(callEvent, "output");
  streamed.render(eventGap, "output");
  streamed.render(buildLogEntry, "output");
  const schemas = { ...streamed.components, ...document.components.schemas };
  const parts = [HEAD];
  for (const [name, schema] of Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))) parts.push(declaration(name, schema));
  for (const [, methods] of Object.entries(document.paths)) {
    for (const { operationId, parameters = [] } of Object.values(methods)) {
      const query = parameters.filter((parameter) => parameter.in === "query");
      if (query.length === 0) continue;
      const properties = Object.fromEntries(query.map(({ name, description, schema }) => [name, described(schema, description)]));
      const required = query.filter((parameter) => parameter.required).map(({ name }) => name);
      parts.push(declaration(`${capitalized(operationId)}Query`, { type: "object", properties, required }));
    }
  }
  return parts.join("\n");
}

/** Each operation's method, path and repeatability; each error's status and whether to try again. */
export function renderSdkOperations(): string {
  const rows = OPERATION_LIST.map((operation) => {
    const [method = "GET"] = methodsOf(operation);
    const shown = operation.method === "ANY" ? "POST" : method;
    return `  ${operation.id}: { method: "${shown}", path: "${operation.path}", idempotency: "${operation.idempotency}", since: "${operation.since ?? "0.1.0"}" },\n`;
  });
  const errors = Object.entries(ERRORS).map(
    ([code, { status, retry, message }]) => `  ${code}: { status: ${status}, retry: "${retry}", message: ${JSON.stringify(message)} },\n`,
  );
  return `${HEAD}
/** The version of the API that this SDK is made from. */
export const API_VERSION = "${API_VERSION}";

/** On every answer of a server: its version. */
export const VERSION_HEADER = "${VERSION_HEADER}";

/** An error's \`details.reason\` where the server does not know the path itself. */
export const NO_SUCH_PATH = "${NO_SUCH_PATH}";

/** Every operation of the API. */
export const OPERATIONS = {\n${rows.join("")}} as const;

export type OperationId = keyof typeof OPERATIONS;

/** Every code of an error that the server answers, with its HTTP status and whether a repeat can help. */
export const ERRORS = {\n${errors.join("")}} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Codes that come over a socket only. */
export const STREAM_ERROR_CODES = ${JSON.stringify(STREAM_ERROR_CODES.filter((code) => !(code in ERRORS)))} as const;

export type StreamErrorCode = (typeof STREAM_ERROR_CODES)[number];
`;
}

function described(schema: JsonSchema, description: string | undefined): JsonSchema {
  return description === undefined ? schema : { ...schema, description };
}

function declaration(name: string, schema: JsonSchema): string {
  const doc = schema.description === undefined ? "" : `${comment(schema.description, "")}\n`;
  if (schema.type === "object" && schema.properties !== undefined && schema.oneOf === undefined) {
    return `${doc}export interface ${name} ${objectOf(schema, "")}\n`;
  }
  return `${doc}export type ${name} = ${typeOf(schema, "")};\n`;
}

function typeOf(schema: JsonSchema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return unionOf(either.map((one) => typeOf(one, indent)));
  if (typeof schema.type === "object") return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(" | ");
  switch (schema.type) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "null":
      return "null";
    case "array": {
      const item = typeOf(schema.items ?? {}, indent);
      return / |\n/.test(item) ? `Array<${item}>` : `${item}[]`;
    }
    case "object":
      return objectOf(schema, indent);
    case undefined:
      return "unknown";
    default:
      throw new Error(`a schema of the type ${schema.type} is not known here`);
  }
}

/** Without what another part of it takes in. */
function unionOf(parts: readonly string[]): string {
  const isText = parts.includes("string");
  const kept = parts.flatMap((part) => (isText && /^("[^"]*"( \| )?)+$/.test(part) ? [] : [part]));
  return [...new Set(kept)].join(" | ");
}

function objectOf(schema: JsonSchema, indent: string): string {
  const { properties, required = [], additionalProperties } = schema;
  if (properties === undefined || Object.keys(properties).length === 0) {
    if (typeof additionalProperties === "object") return `Record<string, ${typeOf(additionalProperties, indent)}>`;
    return "Record<string, unknown>";
  }
  const inner = `${indent}  `;
  const lines = Object.entries(properties).flatMap(([name, property]) => {
    const isRequired = required.includes(name);
    const given = isRequired ? property : withoutNull(property);
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
    const text = [property.description, property.default === undefined ? undefined : `Default: \`${JSON.stringify(property.default)}\`.`]
      .filter((part) => part !== undefined)
      .join(" ");
    const doc = text === "" ? [] : [comment(text, inner)];
    const type = typeOf(given, inner);
    return [...doc, `${inner}${key}${isRequired ? "" : "?"}: ${type}${isRequired || type === "unknown" ? "" : " | undefined"};`];
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** What may be left out needs no `null` beside it. */
function withoutNull(schema: JsonSchema): JsonSchema {
  if (typeof schema.type === "object") {
    const types = schema.type.filter((type) => type !== "null");
    const [only] = types;
    return { ...schema, type: types.length === 1 && only !== undefined ? only : types };
  }
  if (schema.anyOf === undefined) return schema;
  return { ...schema, anyOf: schema.anyOf.filter((one) => one.type !== "null") };
}

function comment(text: string, indent: string): string {
  return `${indent}/** ${text.replaceAll("*/", "*\\/")} */`;
}

function capitalized(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}
