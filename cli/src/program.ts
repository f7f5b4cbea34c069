import { COMMANDS } from "./commands/index.ts";
import { answerShell, COMPLETE } from "./completion/answer.ts";
import { Context } from "./context.ts";
import { COMMAND_HINTS } from "./docker-habits.ts";
import { EXIT, exitCodeOf, sayingOf, UsageError } from "./exit.ts";
import type { Command, Given } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";
import { commandHelp, groupHelp, programHelp } from "./help.ts";
import { leaveWithoutReader } from "./interrupt.ts";
import { endWithNpx } from "./npx.ts";
import { tellingOfServers } from "./no-server.ts";
import { asksForJson, findCommand, parseCommand, parseOptions, splitLeading } from "./parse.ts";
import { suggestion } from "./suggest.ts";
import { tellError } from "./told-error.ts";
import { tellVersions } from "./versions.ts";

/** Runs one command line; sets the exit code. */
export async function runProgram(process: NodeJS.Process): Promise<void> {
  endWithNpx(process);
  // Whoever reads the output may have had enough: `capsuled logs … | head`.
  let codeWithoutReader: number | null = null;
  const isJson = (): boolean => asksForJson(COMMANDS, process.argv.slice(2));
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (codeWithoutReader !== null) return;
      const isGone = error.code === "EPIPE";
      codeWithoutReader = isGone ? EXIT.ok : EXIT.failure;
      if (!isGone && stream === process.stdout) tellError(process, error, `standard output takes no more: ${error.message}`, isJson());
      leaveWithoutReader(process, codeWithoutReader);
    });
  }
  try {
    await run(process, process.argv.slice(2));
  } catch (error) {
    const said = sayingOf(error);
    if (said !== "") tellError(process, error, said, isJson());
    process.exitCode = exitCodeOf(error);
  }
  // What is still open (a kept connection, standard input) is of no use any more; what was written goes out first.
  // What was not taken, by a disk that is full, say, is told a moment later than that it is over.
  const exit = (): void => void setImmediate(() => process.exit(codeWithoutReader ?? process.exitCode));
  process.stdout.write("", () => process.stderr.write("", exit));
}

async function run(process: NodeJS.Process, given: readonly string[]): Promise<void> {
  const { leading, argv } = splitLeading(given);
  // As wide as the terminal; what is no terminal has no width.
  const columns = process.stdout.columns || undefined;
  const [first] = argv;
  if (first !== undefined && VERSION_WORDS.has(first)) return tellVersions(process, [...leading, ...argv.slice(1)]);
  if (first === COMPLETE) return answerShell(process, COMMANDS, argv.slice(1));
  const found = findCommand(COMMANDS, argv);
  if (found === null) {
    if (first === "help" && argv.length > 1) return run(process, [...argv.slice(1), "--help"]);
    if (first === undefined && leading.length > 0) parseOptions(leading);
    if (first === undefined || first === "--help" || first === "-h" || first === "help")
      return void process.stdout.write(`${programHelp(COMMANDS, columns)}\n`);
    const among = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
    if (among.length > 0 && (argv[1] === "help" || argv.includes("--help") || argv.includes("-h")))
      return void process.stdout.write(`${groupHelp(first, among, columns)}\n`);
    throw new UsageError(whatIsMeant(first, argv[1], among));
  }
  const options = parseCommand(found.command, [...leading, ...found.argv]);
  if (options.flag("help")) return void process.stdout.write(`${commandHelp(found.command, columns)}\n`);
  await runCommand(found.command, new Context(process, found.command, options), options);
}

async function runCommand(command: Command, context: Context, options: Given): Promise<void> {
  try {
    await command.run(context, options);
  } catch (error) {
    throw context.inOwnWords(await tellingOfServers(context, error));
  }
}

const VERSION_WORDS: ReadonlySet<string> = new Set(["--version", "-V", "-v", "version"]);

/** What to say of words that are no command. `among`: those that begin with the first one. */
function whatIsMeant(first: string, second: string | undefined, among: readonly Command[]): string {
  if (first.startsWith("-")) {
    const meant = suggestion(first.replace(/^-+/, ""), Object.keys(COMMON_OPTIONS), "--");
    return `there is no option ${first} before a command${meant === "" ? "; `capsuled --help` lists them" : meant}`;
  }
  const hint = hintOf(first) ?? (second === undefined ? undefined : hintOf(`${first} ${second}`));
  if (hint !== undefined) {
    const typed = hintOf(first) === undefined ? `${first} ${second ?? ""}` : first;
    return `there is no command ${JSON.stringify(typed)}; ${hint}`;
  }
  if (among.length === 0) {
    const words = [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0] ?? "")), "help", "version"];
    const meant = suggestion(first, words);
    return `there is no command ${JSON.stringify(first)}${meant === "" ? "; `capsuled --help` lists them" : meant}`;
  }
  const seconds = among.map(({ name }) => name.slice(first.length + 1));
  const meant = second === undefined || second.startsWith("-") ? "" : suggestion(second, seconds, `capsuled ${first} `);
  return meant === ""
    ? `say which: ${among.map(({ name }) => `capsuled ${name}`).join(", ")}`
    : `there is no command ${JSON.stringify(`${first} ${second ?? ""}`)}${meant}`;
}

const hintOf = (words: string): string | undefined => (Object.hasOwn(COMMAND_HINTS, words) ? COMMAND_HINTS[words] : undefined);
