import type { EndpointArg } from "./compile.ts";
import type { Pattern } from "./pattern.ts";
import type { ArgValue } from "./record.ts";

export type ReadValue = { readonly ok: true; readonly value: ArgValue } | { readonly ok: false; readonly problem: string };

const INTEGER = /^[+-]?[0-9]{1,16}$/;
const NUMBER = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/;
const TRUTH: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ["true", true],
  ["1", true],
  [1, true],
  [false, false],
  ["false", false],
  ["0", false],
  [0, false],
]);

/**
 * A value as its argument's type has it. Queries and forms have text only, and the documented samples give numbers as text, so text
 * is read as the type asked for; a number or a boolean for a `string` is written as text.
 */
export function readType(type: EndpointArg["type"], given: unknown): ReadValue {
  if (Array.isArray(given)) return { ok: false, problem: "is given more than once, or as a list" };
  if (typeof given !== "string" && typeof given !== "number" && typeof given !== "boolean") {
    return { ok: false, problem: "must be text, a number or a boolean" };
  }
  switch (type) {
    case "string":
      if (typeof given === "number" && !isKept(given))
        return { ok: false, problem: "is a number of more digits than are kept; write it as text" };
      return readText(typeof given === "string" ? given : String(given));
    case "integer":
      return readNumber(given, INTEGER, Number.isSafeInteger, "must be a whole number");
    case "number":
      return readNumber(given, NUMBER, Number.isFinite, "must be a number");
    case "boolean": {
      const value = TRUTH.get(given);
      return value === undefined ? { ok: false, problem: "must be true or false" } : { ok: true, value };
    }
  }
}

/** Whether it is still the number that was written: beyond these whole ones lose digits, and then have no end. */
function isKept(value: number): boolean {
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value));
}

function readText(text: string): ReadValue {
  if (text.includes("\0")) return { ok: false, problem: "must not contain NUL characters" };
  if (!text.isWellFormed()) return { ok: false, problem: "must not contain lone surrogates" };
  return { ok: true, value: text };
}

function readNumber(given: string | number | boolean, form: RegExp, isTaken: (value: number) => boolean, problem: string): ReadValue {
  const value = typeof given === "number" ? given : typeof given === "string" && form.test(given) ? Number(given) : Number.NaN;
  // Adding zero turns -0 into 0: they are one value, and `-0` looks like a flag.
  return isTaken(value) ? { ok: true, value: value + 0 } : { ok: false, problem };
}

/** What the argument's own bounds say against a value of its type; undefined when they have nothing against it. */
export function refusedBy(arg: EndpointArg, pattern: Pattern | undefined, value: ArgValue): string | undefined {
  if (arg.enum !== undefined && !arg.enum.includes(value)) {
    return `must be one of ${arg.enum
      .map((item) => JSON.stringify(item))
      .join(", ")
      .slice(0, 500)}`;
  }
  if (typeof value !== "string") return undefined;
  const charsMax = arg.max_length;
  if (charsMax !== undefined && value.length > charsMax && Array.from(value).length > charsMax)
    return `must have at most ${charsMax} characters`;
  if (pattern !== undefined && !pattern.matches(value)) return `must match ${JSON.stringify(arg.pattern)}`;
  return undefined;
}
