import type { Command, OptionSpec } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";

/** The help of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    "Usage: capsuled COMMAND …",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "A capsule is named by its id or by its name. `capsuled COMMAND --help` says more of each. Which server: --server, CAPSULED_URL, or the configuration file; which key: CAPSULED_API_KEY,",
    "the configuration file, or for a server on this machine the file that it wrote.",
    "",
    "`capsuled --version` says this program's version and the server's.",
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
