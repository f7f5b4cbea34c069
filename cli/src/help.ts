import type { Command, OptionSpec } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";
import { wrapped } from "./text-width.ts";

/** Columns that are left for what is said of a word, at least: where there is less room, the words stand above. */
const SAYING_COLUMNS_MIN = 24;

/** The help of the whole program. */
export function programHelp(commands: readonly Command[], columns = Number.POSITIVE_INFINITY): string {
  return [
    "Usage: capsuled [--json] [--server SERVER] [--key KEY] COMMAND …",
    "",
    ...rowsOf(
      commands.map(({ name, summary }) => [name, summary]),
      columns,
    ),
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
  ]
    .flatMap((line) => (line.startsWith("  ") ? [line] : wrapped(line, columns)))
    .join("\n");
}

/** The help of the commands that begin with one word. */
export function groupHelp(first: string, commands: readonly Command[], columns = Number.POSITIVE_INFINITY): string {
  const lines = rowsOf(
    commands.map(({ name, summary }) => [name, summary]),
    columns,
  );
  return [`Usage: capsuled ${first} COMMAND …`, "", ...lines, "", `\`capsuled ${first} COMMAND --help\` says more of each.`].join("\n");
}

/** The help of one command. */
export function commandHelp({ name, summary, usage, options = {}, examples }: Command, columns = Number.POSITIVE_INFINITY): string {
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS }).map(([option, spec]) => [written(option, spec), spec.help] as const);
  return [
    `Usage: capsuled ${name} ${usage}`.trimEnd(),
    "",
    ...wrapped(`${summary}.`, columns),
    "",
    ...rowsOf(rows, columns),
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.map((example) => `  ${example}`),
  ].join("\n");
}

/** Words, and what is said of each: beside them, or below where there is no room for that. */
function rowsOf(rows: readonly (readonly [word: string, saying: string])[], columns: number): readonly string[] {
  const width = Math.max(...rows.map(([word]) => word.length));
  const room = columns - width - 4;
  if (room < SAYING_COLUMNS_MIN)
    return rows.flatMap(([word, saying]) => [`  ${word}`, ...wrapped(saying, columns - 6).map((line) => `      ${line}`)]);
  return rows.flatMap(([word, saying]) => wrapped(saying, room).map((line, at) => `  ${(at === 0 ? word : "").padEnd(width)}  ${line}`));
}

function written(name: string, { short, value }: OptionSpec): string {
  return `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}
