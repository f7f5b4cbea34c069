import { closest } from "../lib/closest.ts";
import { readFlags } from "./read-flags.ts";
import type { Config } from "./schema.ts";
import { SETTINGS } from "./schema.ts";
import type { Setting } from "./setting.ts";
import { flagOf, variableOf } from "./setting.ts";

export interface ConfigSources {
  /** What follows the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
}

export type Loaded =
  /** `warnings`: variables that begin like ours and are none. */
  | { readonly kind: "config"; readonly config: Config; readonly warnings: readonly string[] }
  /** Every problem, each naming the setting and what is right. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] }
  /** The host is to be looked at, and nothing to be started. */
  | { readonly kind: "check"; readonly config: Config }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** Variables that begin like the server's and belong to something else of ours. */
const FOREIGN_VARIABLES = /^CAPSULED_(TEST_|API_KEY$|KEY$|URL$|BENCH_)/;

/** Reads the settings: a flag goes before a variable, a variable before the default; an empty variable counts as left out. */
export function loadConfig(sources: ConfigSources): Loaded {
  const flags = readFlags(sources.argv, SETTINGS);
  if (flags.help) return { kind: "help" };
  if (flags.version) return { kind: "version" };
  const problems = [...flags.problems];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const variable = sources.env[variableOf(name)];
    const flag = flags.given.get(name);
    const text = flag ?? (variable === undefined || variable === "" ? defaultOf(name, setting, sources) : variable);
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else {
      const source = flag === undefined ? variableOf(name) : flagOf(name);
      problems.push(
        `${source}: ${setting.isSecret === true ? "its value" : JSON.stringify(text)} must be ${parsed.error.issues[0]?.message ?? "valid"}`,
      );
    }
  }
  if (problems.length > 0) return { kind: "invalid", problems };
  if (!isConfig(values)) throw new Error("a setting was not read");
  if (flags.check) return { kind: "check", config: Object.freeze(values) };
  return { kind: "config", config: Object.freeze(values), warnings: strayVariables(sources.env) };
}

/** Each value came out of its own schema, so what is left to check is that none is missing. */
function isConfig(values: Record<string, unknown>): values is Config {
  return Object.keys(SETTINGS).every((name) => name in values);
}

function defaultOf(name: string, setting: Setting, sources: ConfigSources): string | null {
  if (name !== "dataDir" || sources.isRoot) return setting.default;
  const { XDG_DATA_HOME: data, HOME: home } = sources.env;
  if (data !== undefined && data !== "") return `${data}/capsuled`;
  return home === undefined || home === "" ? setting.default : `${home}/.local/share/capsuled`;
}

function strayVariables(env: ConfigSources["env"]): readonly string[] {
  const known = Object.keys(SETTINGS).map(variableOf);
  const stray = Object.keys(env).filter((name) => name.startsWith("CAPSULED_") && !known.includes(name) && !FOREIGN_VARIABLES.test(name));
  return stray.toSorted().map((name) => `${name}: there is no such setting${closest(name, known)}`);
}
