import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../cli/src/commands/index.ts";
import { commandHelp, programHelp } from "../cli/src/help.ts";

const SOURCE = join(import.meta.dirname, "../sdk/typescript/src");

/** What the TypeScript SDK's users hold, in the order in which they meet it. */
const CLASSES = [
  ["Capsule", "capsules/capsule.ts"],
  ["Commands", "commands/commands.ts"],
  ["CommandResult", "commands/command-result.ts"],
  ["ProcessHandle", "commands/process-handle.ts"],
  ["ProcessStream", "commands/process-stream.ts"],
  ["Terminals", "terminals/terminals.ts"],
  ["Terminal", "terminals/terminal.ts"],
  ["Files", "files/files.ts"],
  ["Network", "capsules/network.ts"],
  ["Ports", "ports/ports.ts"],
  ["Client", "client.ts"],
  ["Capsules", "client.ts"],
  ["Templates", "capsules/templates.ts"],
  ["Images", "capsules/images.ts"],
  ["Endpoints", "endpoints/endpoints.ts"],
  ["Runs", "endpoints/runs.ts"],
  ["Events", "events/events.ts"],
  ["Keys", "access/access.ts"],
  ["Teams", "access/access.ts"],
  ["System", "system/system.ts"],
] as const;

const OPTIONS = [
  ["ClientOptions", "settings.ts"],
  ["CreateOptions", "capsules/capsule-options.ts"],
  ["CallOptions", "transport/transport.ts"],
  ["RepeatableOptions", "transport/transport.ts"],
  ["CommandOptions", "commands/command-options.ts"],
  ["RunOptions", "commands/command-options.ts"],
  ["BackgroundOptions", "commands/command-options.ts"],
  ["StreamOptions", "commands/command-options.ts"],
  ["ConnectOptions", "commands/command-options.ts"],
] as const;

/** The TypeScript SDK's reference, from its own comments. */
export function renderSdkReference(): string {
  const classes = CLASSES.flatMap(([name, file]) => section("class", name, file));
  const options = OPTIONS.flatMap(([name, file]) => section("interface", name, file));
  const errors = errorsOf("errors.ts");
  return [
    "# The TypeScript SDK: reference",
    "",
    "Made from the comments of `sdk/typescript/src` by `npm run generate`. [`sdk/typescript/README.md`](../../sdk/typescript/README.md) has the quick start. Names of what goes over the wire are the API's own (`exit_code`); options of the SDK itself are in camelCase (`requestTimeoutMs`).",
    "",
    ...classes,
    "## Options",
    "",
    ...options.map((line) => line.replace(/^## /, "### ")),
    "## Errors",
    "",
    "All extend `CapsuledError` and have a `code`. What a server answers is an `ApiError` with `status`, `requestId` and `details`, of a class for its code (`NotFoundError`, `InvalidStateError`, …).",
    "",
    ...errors,
    "",
  ].join("\n");
}

/** The command line's reference, from its table of commands. */
export function renderCliReference(): string {
  return [
    "# The command line: reference",
    "",
    "Made from `cli/src/commands` by `npm run generate`. In a clone: `npx capsuled`.",
    "",
    "```text",
    programHelp(COMMANDS),
    "```",
    "",
    ...COMMANDS.flatMap((command) => [`## capsuled ${command.name}`, "", "```text", commandHelp(command), "```", ""]),
  ].join("\n");
}

function section(kind: "class" | "interface", name: string, file: string): readonly string[] {
  const text = readFileSync(join(SOURCE, file), "utf8");
  const begin = new RegExp(`(?:/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n)?export ${kind} ${name}\\b[^{]*\\{\\n`).exec(text);
  if (begin === null) throw new Error(`${file} exports no ${kind} ${name}`);
  const from = begin.index + begin[0].length;
  const body = text.slice(from, text.indexOf("\n}\n", from));
  const members = [
    ...body.matchAll(/^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}((?!#|constructor|static readonly #)[^\n]*?(?:\n {4}[^\n]*)*?(?:;|\{))$/gm),
  ].map(([, doc = "", signature = ""]) => `- \`${signatureOf(signature)}\`: ${sentence(doc)}`);
  return [`## ${name}`, "", ...(begin[1] === undefined ? [] : [sentence(begin[1]), ""]), ...members, ""];
}

function errorsOf(file: string): readonly string[] {
  const text = readFileSync(join(SOURCE, file), "utf8");
  return [
    ...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport class (\w+) extends CapsuledError \{\n {2}readonly code(?: = "(\w+)")?/g),
  ].map(([, doc = "", name = "", code]) => `- \`${name}\`${code === undefined ? "" : ` (\`${code}\`)`}: ${sentence(doc)}`);
}

function signatureOf(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replace(/ ?[{;]$/, "")
    .replaceAll(/\b(async|readonly) /g, "")
    .replaceAll(/ \| undefined(?=[,;)]|$)/g, "")
    .trim();
}

function sentence(doc: string): string {
  return doc
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .filter((line) => line !== "")
    .join(" ");
}
