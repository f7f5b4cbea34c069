import { z } from "zod";

/** The fields that a schema knows at `path`; of alternatives, those of all. */
export function fieldsOf(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const [part, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (part === undefined) return Object.keys(schema.shape);
    const inner: unknown = Object.hasOwn(schema.shape, part) ? Reflect.get(schema.shape, part) : undefined;
    return inner instanceof z.ZodType ? fieldsOf(inner, rest) : [];
  }
  if (schema instanceof z.ZodArray || schema instanceof z.ZodRecord)
    return part === undefined ? [] : fieldsOf(schema instanceof z.ZodArray ? schema.element : schema.valueType, rest);
  if (schema instanceof z.ZodUnion) return [...new Set(schema.options.flatMap((option) => fieldsOf(option, path)))];
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return fieldsOf(schema.unwrap(), path);
  return schema instanceof z.ZodPipe ? fieldsOf(schema.in, path) : [];
}
