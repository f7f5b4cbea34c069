import { z } from "zod";
import { CLOSE_CODES, ERROR_CODES, ERRORS } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import type { JsonSchema } from "./json-schema.ts";
import { SchemaRenderer } from "./json-schema.ts";
import { errorsOf } from "./operation-errors.ts";
import type { Operation, SocketSpec } from "./operation.ts";
import { methodsOf } from "./operation.ts";
import { OPERATION_LIST } from "./operations/index.ts";

export interface OpenapiMedia {
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface OpenapiResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
  readonly content?: Readonly<Record<string, OpenapiMedia>>;
}

export interface OpenapiParameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface OpenapiSocket {
  readonly first: JsonSchema | null;
  readonly client: JsonSchema | null;
  readonly server: JsonSchema;
  readonly close_codes: Readonly<Record<string, string>>;
  readonly example?: SocketSpec["example"];
}

export interface OpenapiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly OpenapiParameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, OpenapiMedia>> };
  readonly responses: Readonly<Record<string, OpenapiResponse>>;
  readonly "x-idempotency": Operation["idempotency"];
  readonly "x-role"?: "admin";
  /** Set where the path takes other methods just as well. */
  readonly "x-methods"?: readonly string[];
  readonly "x-websocket"?: OpenapiSocket;
}

export interface OpenapiDocument {
  readonly openapi: "3.1.0";
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenapiOperation>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<
      Record<string, { readonly type: string; readonly in: string; readonly name: string; readonly description: string }>
    >;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
}

const errorBody = z
  .object({
    error: z.object({
      code: z.enum(ERROR_CODES).describe("What happened, for programs; a closed set."),
      message: z.string().describe("What happened, for people."),
      request_id: z.string().describe("The same as the header X-Request-Id; the server's log has it."),
      details: z
        .record(z.string(), z.unknown())
        .optional()
        .describe("Facts beside the code, e.g. `problems`: each bad field with what is wrong."),
    }),
  })
  .meta({ id: "Error" });

const INFO = `Runs commands in isolated Linux capsules and streams what they print.

Every path under \`/v1\` is served under \`/api/v1\` as well. A key goes into the header \`X-API-Key\`. Every answer carries \`X-Request-Id\`, and \`Capsuled-Version\`, the version of the server. What another team owns is answered exactly as if it did not exist. A capsule is named in a path by its id, or by its \`name\`. Fields that an operation does not know are refused, but for the operations that clients of other systems call: these ignore them and name them in the header \`X-Ignored-Fields\`.`;

/** The whole API as an OpenAPI 3.1 document. */
export function renderOpenapi(version: string): OpenapiDocument {
  const schemas = new SchemaRenderer();
  schemas.render(errorBody, "output");
  const paths: Record<string, Record<string, OpenapiOperation>> = {};
  for (const operation of OPERATION_LIST.toSorted(byPath)) {
    paths[operation.path] = { ...paths[operation.path], [documentedMethod(operation)]: renderOperation(operation, schemas) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "capsuled", version, description: INFO, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    tags: [...new Set(OPERATION_LIST.map((operation) => operation.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: { type: "apiKey", in: "header", name: "X-API-Key", description: "A team's key, `wrn_…`." },
        ticket: { type: "apiKey", in: "query", name: "ticket", description: "What `POST /v1/tickets` gives, for one request." },
      },
      schemas: Object.fromEntries(Object.entries(schemas.components).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

const METHODS: readonly string[] = ["POST", "ANY", "PUT", "GET", "PATCH", "DELETE"];

/** Under which method an operation stands: one that takes any stands once, since each of its ids is unique. */
export function documentedMethod(operation: Operation): string {
  return operation.method === "ANY" ? "post" : operation.method.toLowerCase();
}

/** The order that a reader looks for: a collection before its items, making before reading before ending. */
function byPath(a: Operation, b: Operation): number {
  const depth = a.path.split("/").length - b.path.split("/").length;
  if (depth !== 0) return depth;
  return a.path === b.path ? METHODS.indexOf(a.method) - METHODS.indexOf(b.method) : a.path < b.path ? -1 : 1;
}

function renderOperation(operation: Operation, schemas: SchemaRenderer): OpenapiOperation {
  const parameters = [...parametersOf("path", operation.params, schemas), ...parametersOf("query", operation.query, schemas)];
  const body = operation.body === null ? null : schemas.render(operation.body, "input");
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security: securityOf(operation),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null || operation.body === null
      ? {}
      : {
          requestBody: {
            required: !operation.body.safeParse({}).success,
            content: Object.fromEntries(bodyTypes(operation).map((type) => [type, { schema: body, ...exampleOf(operation) }])),
          },
        }),
    responses: { ...answersOf(operation, schemas), ...problemsOf(operation) },
    "x-idempotency": operation.idempotency,
    ...(operation.auth === "admin" ? { "x-role": "admin" as const } : {}),
    ...(operation.method === "ANY" ? { "x-methods": methodsOf(operation) } : {}),
    ...(operation.socket === undefined ? {} : { "x-websocket": socketOf(operation.socket, schemas) }),
  };
}

function securityOf(operation: Operation): OpenapiOperation["security"] {
  if (operation.auth === "none") return [];
  const ways = [{ key: [] }, ...(operation.takesTicket === true ? [{ ticket: [] }] : [])];
  return operation.auth === "optional" ? [...ways, {}] : ways;
}

function bodyTypes({ bodyForm }: Operation): readonly string[] {
  return bodyForm?.types ?? ["application/json"];
}

function exampleOf(operation: Operation): { readonly example?: unknown } {
  return operation.bodyExample === undefined ? {} : { example: operation.bodyExample };
}

function parametersOf(place: "path" | "query", schema: z.ZodType, schemas: SchemaRenderer): readonly OpenapiParameter[] {
  const { properties = {}, required = [] } = schemas.render(schema, "input");
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function answersOf(operation: Operation, schemas: SchemaRenderer): Record<string, OpenapiResponse> {
  const answers: Record<string, OpenapiResponse> = {};
  for (const [status, answer] of Object.entries(operation.answers)) {
    const example = answer.example === undefined ? {} : { example: answer.example };
    answers[status] = {
      description: answer.description,
      ...(answer.schema === null
        ? {}
        : {
            content: {
              [answer.contentType ?? "application/json"]: { schema: schemas.render(answer.schema, "output"), ...example },
              ...Object.fromEntries(
                Object.entries(answer.alternatives ?? {}).map(([type, other]) => [
                  type,
                  { ...other, schema: schemas.render(other.schema, "output") },
                ]),
              ),
            },
          }),
    };
  }
  return answers;
}

/** One answer for each status, naming the codes that come with it. */
function problemsOf(operation: Operation): Record<string, OpenapiResponse> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(operation)) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  const problems: Record<string, OpenapiResponse> = {};
  for (const [status, codes] of byStatus) {
    const narrowed: JsonSchema = { type: "object", properties: { error: { type: "object", properties: { code: { enum: codes } } } } };
    problems[status] = {
      description: codes.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join("\n\n"),
      ...(status === 429 || status === 503 ? { headers: { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } } } : {}),
      content: { "application/json": { schema: { allOf: [{ $ref: "#/components/schemas/Error" }, narrowed] } } },
    };
  }
  return problems;
}

function socketOf(socket: SocketSpec, schemas: SchemaRenderer): OpenapiSocket {
  return {
    first: socket.first === null ? null : schemas.render(socket.first, "input"),
    client: socket.client === null ? null : schemas.render(socket.client, "input"),
    server: schemas.render(socket.server, "output"),
    close_codes: Object.fromEntries(Object.entries(CLOSE_CODES).map(([name, code]) => [String(code), name])),
    ...(socket.example === undefined ? {} : { example: socket.example }),
  };
}
