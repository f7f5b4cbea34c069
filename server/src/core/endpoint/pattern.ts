import { RE2JS } from "re2js";
import { createBoundedCache } from "../../lib/bounded-cache.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";

/** A pattern that a whole value must match. */
export interface Pattern {
  /** Instructions: what a match costs at most, for each character. */
  readonly size: number;
  matches(value: string): boolean;
}

export type CompiledPattern = { readonly ok: true; readonly pattern: Pattern } | { readonly ok: false; readonly problem: string };

/** Patterns as they were compiled last: endpoints are looked up, and files say the same pattern, again and again. */
const compiled = createBoundedCache<CompiledPattern>({ entriesMax: ENDPOINT_LIMITS.patternsRememberedMax });

/**
 * Compiles an argument's pattern. The engine works in time linear in the value whatever the pattern is, so that no caller can make
 * a call's check expensive; for that it has no look-around and no back references. Characters are code points.
 */
export function compilePattern(text: string): CompiledPattern {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const made = compile(text);
  compiled.set(text, made);
  return made;
}

function compile(text: string): CompiledPattern {
  try {
    const program = RE2JS.compile(RE2JS.translateRegExp(text));
    const size = program.programSize();
    if (size > ENDPOINT_LIMITS.patternInstructionsMax) {
      return { ok: false, problem: `is too large: ${size} instructions, at most ${ENDPOINT_LIMITS.patternInstructionsMax}` };
    }
    return { ok: true, pattern: { size, matches: (value) => program.testExact(value) } };
  } catch (error) {
    const problem = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : "not known";
    return { ok: false, problem: `is no pattern: ${problem} (look-around and back references are not taken)` };
  }
}
