import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../cli/src/commands/index.ts";
import { EXIT } from "../cli/src/exit.ts";
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

/** What holds for all commands. */
const CLI_CONDUCT: readonly string[] = [
  "## Exit codes",
  "",
  "| code | when |",
  "|---|---|",
  "| the command's own | `run`, `exec`, `shell` and `endpoints call` end as the command did: 128 and the signal's number where a signal ended it |",
  `| ${EXIT.failure} | the server refused, or what was asked for failed |`,
  `| ${EXIT.usage} | the command line is wrong |`,
  `| ${EXIT.unavailable} | no server answers, or what answers is none, or the connection broke |`,
  `| ${EXIT.noPermission}, ${EXIT.config} | no key, or one that does not hold; a setting that is wrong |`,
  `| ${EXIT.timeout} | the server took too long to answer, or the command's own time ran out |`,
  `| ${EXIT.notFound} | the program does not exist in the capsule |`,
  `| ${EXIT.interrupted}, ${EXIT.terminated}, ${EXIT.hungUp} | ended by Ctrl-C, by SIGTERM, or by a terminal that was closed |`,
  "",
  `Ctrl-C ends a command before it is done with ${EXIT.interrupted}, once it has taken away what it had half made. That holds for what has no end of its own, too: \`events -f\`, \`logs -f\`, \`watch\` and \`forward\`. \`run\` and \`exec\` pass it on: the command is sent SIGTERM, and its end is theirs (143 where it just ends). In \`shell\` and \`run -t\` it is a key like any other. A second Ctrl-C waits for nothing more than that the command is killed, or the capsule of \`run\` destroyed, 2 s at most; a third one leaves at once.`,
  "",
  "Where npx is ended that has started it (`timeout 60 npx capsuled …`), it ends as by SIGTERM.",
  "",
  "Where whoever reads the output leaves (`capsuled exec box -- yes | head`), the command is ended and the code is 0.",
  "",
  "## JSON",
  "",
  "With `--json` standard output has the command's value, or its values, one a line. Standard error then has JSON too, one object a line: `note` is what people are told beside the output, and `error` is what is wrong, in the shape of [the API's errors](errors.md). A command that is given several things goes on after one that fails, and has an `error` for each.",
  "",
  "```json",
  '{"error":{"code":"not_found","message":"There is no capsule \\"box\\".","request_id":"req-…","hint":"`capsuled ls` lists those that there are.","exit_code":1}}',
  "```",
  "",
  "| field | what |",
  "|---|---|",
  "| `code` | the server's own; an error of [the SDK](typescript.md#errors) (`connection`, `missing_key`, …); of a file of this machine its name in the system (`ENOENT`); else `usage`, `unavailable`, `timeout`, `forbidden`, `settings` or `failed` |",
  "| `message` | what happened, for people, in the words of the command line |",
  "| `request_id` | the server's log has it; `null` where no answer came, or it came over a stream |",
  "| `details` | of the server's answer, where it has any |",
  "| `hint` | what to do, where that is known |",
  "| `exit_code` | the exit code that is due for it |",
  "",
  "## Terminals",
  "",
  "On a terminal that is too narrow for a table its widest columns are cut and end with `…`, but never an id or a URL; where that does not do, each row stands below itself. In a pipe and with `--json` everything is whole. `NO_COLOR` takes the colours away.",
  "",
  "## Completion",
  "",
  "Commands, options, capsules, paths in them and files of this machine are completed by a tab:",
  "",
  "```text",
  "bash   echo 'eval \"$(capsuled completion bash)\"' >> ~/.bashrc",
  "zsh    echo 'eval \"$(capsuled completion zsh)\"' >> ~/.zshrc",
  "fish   capsuled completion fish > ~/.config/fish/completions/capsuled.fish",
  "```",
  "",
];

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
    ...CLI_CONDUCT,
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
