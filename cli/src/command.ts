import type { Context } from "./context.ts";

export interface OptionSpec {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for its value in the help. */
  readonly value?: string;
  /** All that its value can be, where that is known. */
  readonly choices?: readonly string[];
  readonly help: string;
}

/** What was given on the command line, checked against the command's own table. */
export interface Given {
  readonly arguments: readonly string[];
  /** The command that is to be run elsewhere: what stands behind the arguments, or after `--`; `null` where there is neither. */
  readonly rest: readonly string[] | null;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** A whole number, refused where it is none. */
  number(name: string): number | undefined;
  /** `NAME=VALUE` pairs. */
  pairs(name: string): Record<string, string>;
  /** The same for variables: `NAME` alone is the one of this program's environment. */
  variables(name: string, env: NodeJS.ProcessEnv): Record<string, string>;
}

/** One command of the program. */
export interface Command {
  /** One word, or two. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name, e.g. `CAPSULE -- COMMAND…`. */
  readonly usage: string;
  readonly options?: Readonly<Record<string, OptionSpec>>;
  /** How many arguments it takes, those after `--` left out. */
  readonly arguments: readonly [min: number, max: number];
  readonly takesRest?: boolean;
  /** What is said to who gives it an option of another program that it does not have: what does the same here. By `--name` or `-n`. */
  readonly hints?: Readonly<Record<string, string>>;
  /** What is said to who gives it arguments that it does not take: where that is done. */
  readonly elsewhere?: string;
  /** What is said to who leaves arguments out: where those are found. */
  readonly missing?: string;
  readonly examples: readonly string[];
  run(context: Context, given: Given): Promise<void>;
}

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  json: { type: "boolean", help: "Write JSON: one value, or one a line where there is no end." },
  server: { type: "string", value: "SERVER", help: "A server of the configuration file, or a URL." },
  key: { type: "string", value: "KEY", help: "The API key; CAPSULED_API_KEY is not seen by this machine's other users." },
  help: { type: "boolean", short: "h", help: "Say how it is used." },
};
