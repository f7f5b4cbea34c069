import { COMMANDS } from "./commands/index.ts";
import { Context } from "./context.ts";
import { EXIT, exitCodeOf, sayingOf, UsageError } from "./exit.ts";
import { commandHelp, programHelp } from "./help.ts";
import { findCommand, parseCommand } from "./parse.ts";
import { tellVersions } from "./versions.ts";

/** Runs one command line; sets the exit code. */
export async function runProgram(process: NodeJS.Process): Promise<void> {
  // Whoever reads the output may have had enough: `capsuled logs … | head`.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failure));
  }
  try {
    await run(process);
  } catch (error) {
    const said = sayingOf(error);
    if (said !== "") process.stderr.write(`capsuled: ${said}\n`);
    process.exitCode = exitCodeOf(error);
  }
  // What is still open (a kept connection, standard input) is of no use any more; what was written goes out first.
  process.stdout.write("", () => process.stderr.write("", () => process.exit()));
}

async function run(process: NodeJS.Process): Promise<void> {
  const argv = process.argv.slice(2);
  const [first] = argv;
  if (first === "--version" || first === "-V") return tellVersions(process, argv.slice(1));
  const found = findCommand(COMMANDS, argv);
  if (found === null) {
    if (first === undefined || first === "--help" || first === "-h" || first === "help")
      return void process.stdout.write(`${programHelp(COMMANDS)}\n`);
    const among = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => `capsuled ${name}`);
    throw new UsageError(
      among.length > 0 ? `say which: ${among.join(", ")}` : `there is no command ${JSON.stringify(first)}; \`capsuled --help\` lists them`,
    );
  }
  const given = parseCommand(found.command, found.argv);
  if (given.flag("help")) return void process.stdout.write(`${commandHelp(found.command)}\n`);
  await found.command.run(new Context(process, given), given);
}
