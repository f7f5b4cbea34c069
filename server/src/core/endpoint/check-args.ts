import { readType, refusedBy } from "./arg-value.ts";
import type { EndpointArg } from "./compile.ts";
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
  const args = given.map((arg, index) => {
    const checker = new ArgChecker(arg, index);
    const checked = checker.check();
    problems.push(...checker.problems);
    return checked;
  });
  return { args, problems };
}

class ArgChecker {
  readonly problems: DefinitionProblem[] = [];
  readonly #arg: EndpointArg;
  readonly #path: DefinitionPath;

  constructor(arg: EndpointArg, index: number) {
    this.#arg = arg;
    this.#path = ["args", index];
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
    const compiled = compilePattern(this.#arg.pattern);
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
    const refused = refusedBy(bounds, pattern, read.value);
    if (refused !== undefined) this.#problem(path, refused);
    return read.value;
  }

  #problem(path: DefinitionPath, message: string): void {
    this.problems.push({ path: [...this.#path, ...path], message });
  }
}
