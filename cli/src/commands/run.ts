import type { Command } from "../command.ts";
import { CREATE_OPTIONS, createOptions } from "../create-options.ts";
import { EXIT, ExitError, UsageError } from "../exit.ts";
import { exitCodeOfEnd, followProcess } from "../follow-process.ts";
import { withProgress } from "../progress.ts";
import { requireTerminal, useTerminal } from "../terminal-session.ts";

export const run: Command = {
  name: "run",
  summary: "Run a command in a capsule of its own, and destroy that after it",
  usage: "[--template T] -- COMMAND [ARGUMENT…]",
  options: {
    ...CREATE_OPTIONS,
    interactive: { type: "boolean", short: "i", help: "Pass standard input on to the command." },
    tty: { type: "boolean", short: "t", help: "Run it in a terminal." },
    timeout: { type: "string", value: "SECONDS", help: "Kill the command after so long; never by default." },
    cwd: { type: "string", value: "DIR", help: "Working directory; /root by default." },
  },
  arguments: [0, 0],
  takesRest: true,
  examples: ["capsuled run -- python3 -c 'print(6 * 7)'", "echo hello | capsuled run -i -- tr a-z A-Z"],
  async run(context, given) {
    const [cmd, ...args] = given.rest ?? [];
    if (cmd === undefined) throw new UsageError("say what to run, after --: capsuled run -- echo hello");
    const isTerminal = given.flag("tty");
    if (isTerminal) requireTerminal(context);
    const abort = new AbortController();
    const leaveEarly = (): void => abort.abort(new ExitError(EXIT.interrupted));
    context.process.once("SIGINT", leaveEarly);
    const creating = context.client.capsules.create({ ...createOptions(given), signal: abort.signal });
    const capsule = await withProgress(context, "starting a capsule", creating);
    context.process.off("SIGINT", leaveEarly);
    try {
      const cwd = given.text("cwd");
      if (isTerminal) {
        const terminal = await capsule.pty.open({
          cmd,
          args,
          cwd,
          cols: context.process.stdout.columns,
          rows: context.process.stdout.rows,
        });
        context.process.exitCode = (await useTerminal(context, terminal)) ?? 0;
        return;
      }
      const withStdin = given.flag("interactive");
      const stream = capsule.commands.stream(cmd, args, { cwd, stdin: withStdin, timeout: given.number("timeout") });
      const end = await followProcess(context, stream, { withStdin, leave: () => void capsule.destroy().catch(() => {}) });
      context.process.exitCode = exitCodeOfEnd(end);
    } finally {
      await capsule.destroy();
    }
  },
};
