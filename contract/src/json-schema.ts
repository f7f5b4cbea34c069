import { z } from "zod";

/** JSON Schema 2020-12 as far as this API uses it. */
export interface JsonSchema {
  readonly $ref?: string;
  /** Several where `null` is one of them. */
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

/** Whole numbers have these bounds by themselves; stating them would be noise. */
const SAFE = Number.MAX_SAFE_INTEGER;

/**
 * Turns schemas into JSON Schema; those with a name become components, referred to from everywhere else.
 * `input` is what a caller may send (what has a default may be left out), `output` what it gets.
 */
export class SchemaRenderer {
  readonly components: Record<string, JsonSchema> = {};

  render(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    const made: unknown = z.toJSONSchema(schema, {
      io,
      target: "draft-2020-12",
      override: ({ zodSchema, jsonSchema }) => {
        // Left out for what transforms its input, since it might not be the input's own; ours are.
        const fallback = z.globalRegistry.get(zodSchema)?.["default"];
        if (fallback !== undefined) jsonSchema.default = fallback;
        if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
        if (jsonSchema.minimum === -SAFE) delete jsonSchema.minimum;
        if (jsonSchema.maximum === SAFE) delete jsonSchema.maximum;
        // Answers may gain fields.
        if (io === "output" && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      },
    });
    // The library's own type says less than the draft that it writes.
    const { $schema: _draft, $defs, ...root } = made as JsonSchema & { $schema?: string; $defs?: Record<string, JsonSchema> };
    for (const [name, definition] of Object.entries($defs ?? {})) this.components[name] = withComponentRefs(definition);
    return withComponentRefs(root);
  }
}

function withComponentRefs(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
}
