import type { Command } from "../command.ts";
import { CREATE_OPTIONS } from "../create-options.ts";
import { RUN_HINTS } from "../docker-habits.ts";
import { UsageError } from "../exit.ts";
import { exitCodeOfEnd, followProcess } from "../follow-process.ts";
import { onInterrupt } from "../interrupt.ts";
import { newCapsule } from "../new-capsule.ts";
import { runInTerminal, userOf } from "../terminal-command.ts";
import { requireTerminal } from "../terminal-session.ts";

export const run: Command = {
  name: "run",
  summary: "Run a command in a capsule of its own, and destroy that after it",
  usage: "[OPTION…] [--] COMMAND [ARGUMENT…]",
  options: {
    ...CREATE_OPTIONS,
    interactive: { type: "boolean", short: "i", help: "Pass standard input on to the command." },
    tty: { type: "boolean", short: "t", help: "Run it in a terminal." },
    timeout: { type: "string", value: "SECONDS", help: "Kill the command after so long; never by default." },
    cwd: { type: "string", short: "w", value: "DIR", help: "Working directory; /root by default." },
    user: { type: "string", short: "u", value: "USER", help: "With -t: a user of the template, by name or number; root by default." },
    rm: { type: "boolean", help: "As docker has it: the capsule is destroyed anyway." },
  },
  arguments: [0, 0],
  takesRest: true,
  hints: RUN_HINTS,
  examples: ["capsuled run -- python3 -c 'print(6 * 7)'", "echo hello | capsuled run -i -- tr a-z A-Z"],
  async run(context, given) {
    const [cmd, ...args] = given.rest ?? [];
    if (cmd === undefined) throw new UsageError("say what to run: capsuled run echo hello");
    const isTerminal = given.flag("tty");
    const user = userOf(given);
    if (isTerminal) requireTerminal(context, "leave out -t");
    const capsule = await newCapsule(context, given);
    try {
      const cwd = given.text("cwd");
      const { process } = context;
      if (isTerminal) {
        process.exitCode = await runInTerminal(context, capsule, { cmd, args, cwd, user });
        return;
      }
      const withStdin = given.flag("interactive");
      const stream = capsule.commands.stream(cmd, args, { cwd, stdin: withStdin, timeout: given.number("timeout") });
      const end = await followProcess(context, stream, { withStdin, leave: () => capsule.destroy() });
      process.exitCode = exitCodeOfEnd(end);
    } finally {
      // An interrupt that comes now finds nothing more to end, and is to leave no capsule.
      const quiet = onInterrupt(
        context.process,
        () => {},
        () => {},
      );
      await capsule.destroy().finally(quiet);
    }
  },
};
