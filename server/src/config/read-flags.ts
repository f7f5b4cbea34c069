import { closest } from "../lib/closest.ts";
import type { Setting } from "./setting.ts";
import { flagOf } from "./setting.ts";

export interface Flags {
  readonly help: boolean;
  readonly version: boolean;
  readonly check: boolean;
  /** Texts by setting. */
  readonly given: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/** Reads `--flag value`, `--flag=value` and `--switch`. Goes on after a problem, so that all are found. */
export function readFlags(argv: readonly string[], settings: Readonly<Record<string, Setting>>): Flags {
  const names = new Map(Object.keys(settings).map((name) => [flagOf(name), name]));
  const given = new Map<string, string>();
  const problems: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const { flag, inline } = splitFlag(argv[index] ?? "");
    const name = names.get(flag);
    if (isQuestion(flag)) continue;
    if (!flag.startsWith("-")) {
      // Its text is not repeated: it may be a value with a password, after a flag that was misspelt.
      if (!isValueOfUnknown(argv[index - 1], names)) problems.push(`argument ${index + 1}: flags begin with --`);
    } else if (name === undefined) {
      problems.push(`${flag}: there is no such flag${closest(flag, [...names.keys()])}`);
    } else if (given.has(name)) {
      problems.push(`${flag}: is given twice`);
    } else if (inline !== undefined || settings[name]?.isSwitch === true) {
      given.set(name, inline ?? "true");
    } else if (argv[index + 1]?.startsWith("--") === false) {
      index += 1;
      given.set(name, argv[index] ?? "");
    } else {
      problems.push(`${flag}: needs a value`);
    }
  }
  return { help: argv.some(isHelp), version: argv.some(isVersion), check: argv.some(isCheck), given, problems };
}

const isHelp = (flag: string): boolean => flag === "--help" || flag === "-h";
const isVersion = (flag: string): boolean => flag === "--version" || flag === "-V";
const isCheck = (flag: string): boolean => flag === "--check";
const isQuestion = (flag: string): boolean => isHelp(flag) || isVersion(flag) || isCheck(flag);

/** `--a=b=c` → `--a` and `b=c`. */
function splitFlag(argument: string): { readonly flag: string; readonly inline: string | undefined } {
  const at = argument.indexOf("=");
  return at === -1 ? { flag: argument, inline: undefined } : { flag: argument.slice(0, at), inline: argument.slice(at + 1) };
}

/** Whether the argument before is a flag that does not exist and has no value yet; that flag is the problem then. */
function isValueOfUnknown(before: string | undefined, names: ReadonlyMap<string, string>): boolean {
  return before !== undefined && before.startsWith("-") && !before.includes("=") && !names.has(before);
}
