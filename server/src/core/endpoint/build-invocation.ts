import { LIMITS, utf8Bytes } from "@capsuled/contract";
import { invalid } from "../fail.ts";
import type { EndpointArg } from "./compile.ts";
import { compileDefinition } from "./compile.ts";
import type { Invocation } from "./invocation.ts";
import type { ArgValue, ArgValues, StoredDefinition } from "./record.ts";
import { variableOf } from "./shell-names.ts";
import type { Word } from "./split-command.ts";

/**
 * The program that a call runs. A value stays within the element that it belongs to, whatever is in it: it is an argument of its
 * own, in declared order and after its flag, or fills its `{{name}}` place. With `shell: true` the command's text stays as it was
 * defined and every declared argument is a variable, empty without a value.
 *
 * Throws `invalid_request` when values have made an element longer than the kernel takes.
 */
export function buildInvocation(definition: StoredDefinition, values: ArgValues): Invocation {
  const { words, args, placed } = compileDefinition(definition);
  if (definition.shell) {
    const env = args.map((arg) => [variableOf(arg.name), textOf(valueOf(values, arg.name))] as const);
    return { cmd: "sh", args: ["-c", definition.command], env: Object.fromEntries(env) };
  }
  const [program, ...rest] = words;
  const cmd = program === undefined ? "" : fill(program, values);
  if (cmd === "") throw invalid("command", "comes to an empty program");
  const elements = rest.map((word) => fill(word, values));
  for (const arg of args) {
    const value = valueOf(values, arg.name);
    if (value !== undefined && !placed.has(arg.name)) elements.push(...passed(arg, value));
  }
  for (const element of elements) {
    if (element.length * 3 > LIMITS.argBytesMax && utf8Bytes(element) > LIMITS.argBytesMax) {
      throw invalid("args", `an element of the command has more than ${LIMITS.argBytesMax} bytes with its values`);
    }
  }
  return { cmd, args: elements, env: {} };
}

function fill(word: Word, values: ArgValues): string {
  return word.parts.map((part) => (part.kind === "text" ? part.text : textOf(valueOf(values, part.name)))).join("");
}

function passed(arg: EndpointArg, value: ArgValue): readonly string[] {
  if (arg.flag === undefined) return [textOf(value)];
  if (typeof value === "boolean") return value ? [arg.flag] : [];
  return arg.flag.endsWith("=") ? [`${arg.flag}${textOf(value)}`] : [arg.flag, textOf(value)];
}

function valueOf(values: ArgValues, name: string): ArgValue | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

function textOf(value: ArgValue | undefined): string {
  return value === undefined ? "" : String(value);
}
