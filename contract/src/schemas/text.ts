import { z } from "zod";

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}

/** Text that a path, an argument or a variable can hold: no NUL characters, and nothing that UTF-8 cannot write. */
export function noNul(schema: z.ZodString): z.ZodString {
  return schema
    .refine((text) => !text.includes("\0"), { error: "must not contain NUL characters" })
    .refine((text) => text.isWellFormed(), { error: "must not contain lone surrogates" });
}

/** `null` counts as left out, since clients of the documented system send it. */
export function optional<S extends z.ZodType>(
  schema: S,
): z.ZodPipe<z.ZodOptional<z.ZodNullable<S>>, z.ZodTransform<z.output<S> | undefined, z.output<S> | null | undefined>> {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** As `optional`, with what holds when it is left out. */
export function defaulted<S extends z.ZodType>(
  schema: S,
  value: NonNullable<z.output<S>>,
): z.ZodPipe<z.ZodOptional<z.ZodNullable<S>>, z.ZodTransform<z.output<S>, z.output<S> | null | undefined>> {
  return schema
    .nullish()
    .transform((given) => given ?? value)
    .meta({ default: value });
}

export const timestamp = z.iso.datetime({ offset: true }).describe("ISO 8601, with zone.");
