import { z } from "zod";
import { CAPSULE_NAME_FAULTS } from "../ids.ts";

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

/** A capsule's name of at most so many characters: see `CAPSULE_NAME_FAULTS`. */
export function capsuleNameText(charsMax: number): z.ZodString {
  return CAPSULE_NAME_FAULTS.reduce(
    (schema, [fault, error]) => schema.refine((text) => !fault.test(text), { error }),
    noNul(z.string().min(1).max(charsMax)),
  );
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

type Taken<S extends z.ZodType> = z.ZodPipe<z.ZodOptional<z.ZodNullable<S>>, z.ZodTransform>;

/** Fields as an answer has them: what `optional` and `defaulted` take, without their reading of it. */
export type Answered<F extends z.core.$ZodShape> = {
  readonly [K in keyof F]: F[K] extends z.ZodPipe<z.ZodOptional<z.ZodNullable<infer S extends z.ZodType>>, z.ZodTransform>
    ? undefined extends z.output<F[K]>
      ? z.ZodOptional<S>
      : S
    : F[K];
};

/** The fields of an answer that repeats what was sent: transforms cannot be described, and there is nothing left to read. */
export function answered<F extends z.core.$ZodShape>(fields: F): Answered<F> {
  const shape = Object.entries(fields).map(([name, field]): [string, unknown] => {
    if (!isTaken(field)) return [name, field];
    const meta = z.globalRegistry.get(field);
    const inner = field.in.unwrap().unwrap();
    const told = meta?.description === undefined ? inner : inner.describe(meta.description);
    return [name, meta?.["default"] === undefined ? told.optional() : told];
  });
  // Each field was turned as its type says.
  return Object.fromEntries(shape) as Answered<F>;
}

function isTaken(field: z.core.$ZodType): field is Taken<z.ZodType> {
  return field instanceof z.ZodPipe && field.in instanceof z.ZodOptional && field.in.unwrap() instanceof z.ZodNullable;
}

export const timestamp = z.iso.datetime({ offset: true }).describe("ISO 8601, with zone.");
