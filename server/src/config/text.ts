import { z } from "zod";

/** Readers of settings' texts. The problem text of each completes "must be …". */

const FACTORS = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

export function whole(min: number, max: number): z.ZodType<number, string> {
  const error = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error });
}

/** A count of bytes, or of KiB, MiB, GiB when that follows it. */
export function bytes(min: number, max: number): z.ZodType<number, string> {
  const error = `a size from ${min} to ${max} bytes, like 1048576 or 16MiB`;
  return z
    .string()
    .regex(/^\d{1,15}(KiB|MiB|GiB)?$/, { error })
    .transform((text) => {
      const [, digits = "", suffix = ""] = /^(\d+)(\w*)$/.exec(text) ?? [];
      return Number(digits) * (suffix === "KiB" || suffix === "MiB" || suffix === "GiB" ? FACTORS[suffix] : FACTORS[""]);
    })
    .refine((value) => value >= min && value <= max, { error });
}

export const truth: z.ZodType<boolean, string> = z
  .enum(["true", "false", "1", "0", "yes", "no"], { error: "true or false" })
  .transform((text) => text === "true" || text === "1" || text === "yes");

function split(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Items between commas; `none` is an empty list. Doubles are dropped. */
export function list(matches: (item: string) => boolean, error: string): z.ZodType<readonly string[], string> {
  return z
    .string()
    .transform((text) => (text.trim() === "none" ? [] : [...new Set(split(text))]))
    .refine((items) => items.every(matches), { error });
}

export function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;
}

/** A URL of one of these protocols. */
export function url(protocols: readonly string[]): z.ZodType<string, string> {
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol.slice(0, -1)), {
    error: `a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(" or ")}`,
  });
}

/** What is left out is `null`. */
export function orNull<T>(schema: z.ZodType<T, string>): z.ZodType<T | null, string | null> {
  return schema.nullable();
}
