import type { Command, OptionSpec } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";

/** The help of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    "Usage: capsuled [--json] [--server NAME] [--key KEY] COMMAND …",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "`capsuled COMMAND --help` says more of each. A capsule is named by its id or by its name.",
    "",
    "Which server: --server, CAPSULED_URL, the configuration file, else the one that runs on this machine.",
    "Which key: --key, CAPSULED_API_KEY, the configuration file, else the file that a server on this machine wrote.",
    "",
    "`capsuled version` says this program's version and the server's. Other programs' words are taken, too: list for ls,",
    "delete, destroy and remove for rm, inspect for info.",
    "",
    "Example: capsuled run -- echo hello",
  ].join("\n");
}

/** The help of the commands that begin with one word. */
export function groupHelp(first: string, commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [`Usage: capsuled ${first} COMMAND …`, "", ...lines, "", `\`capsuled ${first} COMMAND --help\` says more of each.`].join("\n");
}

/** The help of one command. */
export function commandHelp({ name, summary, usage, options = {}, examples }: Command): string {
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS }).map(([option, spec]) => [written(option, spec), spec.help] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `Usage: capsuled ${name} ${usage}`.trimEnd(),
    "",
    `${summary}.`,
    "",
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.map((example) => `  ${example}`),
  ].join("\n");
}

function written(name: string, { short, value }: OptionSpec): string {
  return `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}
