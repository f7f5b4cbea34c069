import { RE2JS } from "re2js";
import { ENDPOINT_LIMITS } from "./limits.ts";

/** A pattern that a whole value must match. */
export interface Pattern {
  matches(value: string): boolean;
}

export type CompiledPattern = { readonly ok: true; readonly pattern: Pattern } | { readonly ok: false; readonly problem: string };

/**
 * Compiles an argument's pattern. The engine works in time linear in the value whatever the pattern is, so that no caller can make
 * a call's check expensive; for that it has no look-around and no back references. Characters are code points.
 */
export function compilePattern(text: string): CompiledPattern {
  try {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(text));
    const size = compiled.programSize();
    if (size > ENDPOINT_LIMITS.patternInstructionsMax) {
      return { ok: false, problem: `is too large: ${size} instructions, at most ${ENDPOINT_LIMITS.patternInstructionsMax}` };
    }
    return { ok: true, pattern: { matches: (value) => compiled.testExact(value) } };
  } catch (error) {
    const problem = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : "not known";
    return { ok: false, problem: `is no pattern: ${problem} (look-around and back references are not taken)` };
  }
}
