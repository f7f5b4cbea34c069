import { readType, refusedBy } from "./arg-value.ts";
import type { EndpointArg } from "./compile.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import type { Pattern } from "./pattern.ts";
import { compilePattern } from "./pattern.ts";
import type { DefinitionPath, DefinitionProblem } from "./problem.ts";
import type { ArgValue } from "./record.ts";

export interface CheckedArgs {
  /** With defaults and enums of their arguments' types. */
  readonly args: readonly EndpointArg[];
  readonly problems: readonly DefinitionProblem[];
}

/** Arguments by themselves: defaults and enums of the right type and within the argument's own bounds, patterns that compile. */
export function checkArgs(given: readonly EndpointArg[]): CheckedArgs {
  const problems: DefinitionProblem[] = [];
  const budget: Budget = { instructions: ENDPOINT_LIMITS.patternsInstructionsMax, steps: ENDPOINT_LIMITS.patternStepsMax };
  const args = given.map((arg, index) => {
    const checker = new ArgChecker(arg, index, budget);
    const checked = checker.check();
    problems.push(...checker.problems);
    return checked;
  });
  return { args, problems };
}

/** What is left for the patterns of all arguments together. */
interface Budget {
  instructions: number;
  steps: number;
}

class ArgChecker {
  readonly problems: DefinitionProblem[] = [];
  readonly #arg: EndpointArg;
  readonly #path: DefinitionPath;
  readonly #budget: Budget;

  constructor(arg: EndpointArg, index: number, budget: Budget) {
    this.#arg = arg;
    this.#path = ["args", index];
    this.#budget = budget;
  }

  check(): EndpointArg {
    const arg = this.#arg;
    if (arg.name === "__proto__") this.#problem(["name"], "is a reserved name");
    if (arg.type !== "string") {
      if (arg.pattern !== undefined) this.#problem(["pattern"], "is for strings");
      if (arg.max_length !== undefined) this.#problem(["max_length"], "is for strings");
    }
    if (arg.type === "boolean" && arg.flag?.endsWith("=") === true) {
      this.#problem(["flag"], "a boolean gives its flag alone, so it cannot end in `=`");
    }
    if (arg.required && arg.default !== undefined)
      this.#problem(["default"], "is never used, since the argument is required; leave out one of them");
    const pattern = this.#pattern();
    const values = arg.enum?.map((value, index) => this.#value(["enum", index], { ...arg, enum: undefined }, pattern, value));
    const checked = { ...arg, ...(values !== undefined && { enum: values }) };
    if (arg.default === undefined) return checked;
    return { ...checked, default: this.#value(["default"], checked, pattern, arg.default) };
  }

  #pattern(): Pattern | undefined {
    if (this.#arg.pattern === undefined) return undefined;
    if (this.#budget.instructions <= 0) {
      const { patternsInstructionsMax: max } = ENDPOINT_LIMITS;
      this.#problem(["pattern"], `is too much: the patterns before it have more than ${max} instructions together`);
      return undefined;
    }
    const compiled = compilePattern(this.#arg.pattern);
    // One that is refused has cost as much as the largest that is taken.
    this.#budget.instructions -= compiled.ok ? compiled.pattern.size : ENDPOINT_LIMITS.patternInstructionsMax;
    if (compiled.ok) return compiled.pattern;
    this.#problem(["pattern"], compiled.problem);
    return undefined;
  }

  #value(path: DefinitionPath, bounds: EndpointArg, pattern: Pattern | undefined, given: ArgValue): ArgValue {
    const read = readType(this.#arg.type, given);
    if (!read.ok) {
      this.#problem(path, read.problem);
      return given;
    }
    if (pattern !== undefined && typeof read.value === "string") this.#budget.steps -= pattern.size * read.value.length;
    const isTooMuch = this.#budget.steps < 0;
    const refused = isTooMuch ? "is too long to be compared with its pattern" : refusedBy(bounds, pattern, read.value);
    if (refused !== undefined) this.#problem(path, refused);
    return read.value;
  }

  #problem(path: DefinitionPath, message: string): void {
    this.problems.push({ path: [...this.#path, ...path], message });
  }
}
