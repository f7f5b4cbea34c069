import { SETTINGS } from "./schema.ts";
import type { Setting } from "./setting.ts";
import { flagOf, variableOf } from "./setting.ts";

const all: readonly (readonly [string, Setting])[] = Object.entries(SETTINGS);

function defaultText(setting: Setting): string {
  return setting.default === null ? "none" : setting.default;
}

/** The settings as Markdown, for `docs/config.md`. */
export function renderConfigDocs(): string {
  const rows = all.map(([name, setting]) => {
    const value = setting.default === null ? "–" : `\`${setting.default}\``;
    return `| \`${variableOf(name)}\` | \`${flagOf(name)}\` | ${value}${setting.unit === null ? "" : ` ${setting.unit}`} | ${setting.about} |`;
  });
  return `# Settings

Each setting is an environment variable and a flag; the flag goes before the variable, an empty variable counts as left out.
All problems are reported at once, and the server then exits with code 78. \`--help\` prints this list, \`--version\` the version, \`--check\` what this host has of what capsules need.

| variable | flag | default | meaning |
|---|---|---|---|
${rows.join("\n")}

Where \`CAPSULED_DATABASE_URL\` has no password, PostgreSQL's own \`PGPASSWORD\` and \`~/.pgpass\` are used.
`;
}

/** Columns of the help's text. */
const WIDTH = 100;

function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > WIDTH && line !== indent) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** What `--help` prints. */
export function renderHelp(): string {
  const entries = all.map(([name, setting]) => {
    const head = `  ${flagOf(name)}${setting.isSwitch === true ? "" : " VALUE"}   (${variableOf(name)}, default ${defaultText(setting)}${setting.unit === null ? "" : ` ${setting.unit}`})`;
    return `${head}\n${wrapped(setting.about.replaceAll("`", ""), "      ")}`;
  });
  return `capsuled: runs commands in isolated Linux capsules and streams what they print

Usage: capsuled [flags]

${entries.join("\n")}
  --check      Print what this host has of what capsules need, as JSON, and exit (69: something lacks).
  --help       Print this and exit.
  --version    Print the version and exit.
`;
}
