import type { Capsule } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { hintFor, OPTION_HINTS } from "../docker-habits.ts";
import { eachOf } from "../each-of.ts";
import { onProcess } from "../ended-process.ts";
import { EXIT, UsageError } from "../exit.ts";
import { exitCodeOfEnd, followProcess } from "../follow-process.ts";
import { passPrinted, passStream } from "../printed-output.ts";
import { invocationOf } from "../invocation.ts";
import { ago, plain, table } from "../table.ts";
import { quoted } from "../to-run.ts";
import { runInTerminal, userOf } from "../terminal-command.ts";
import type { SessionEnd } from "../terminal-session.ts";
import { requireTerminal, useTerminal } from "../terminal-session.ts";

export const exec: Command = {
  name: "exec",
  summary: "Run a command in a capsule",
  usage: "[OPTION…] CAPSULE [--] COMMAND [ARGUMENT…]",
  options: {
    interactive: { type: "boolean", short: "i", help: "Pass standard input on to the command." },
    tty: { type: "boolean", short: "t", help: "Run it in a terminal." },
    detach: { type: "boolean", short: "d", help: "Leave it running, and say its id." },
    timeout: { type: "string", value: "SECONDS", help: "Kill it after so long; never by default." },
    cwd: { type: "string", short: "w", value: "DIR", help: "Working directory; /root by default." },
    env: { type: "string", short: "e", multiple: true, value: "NAME=VALUE", help: "A variable; NAME alone is the one that is set here." },
    user: { type: "string", short: "u", value: "USER", help: "With -t: a user of the capsule, by name or number; root by default." },
    tag: { type: "string", value: "NAME", help: "Your name for the process." },
  },
  arguments: [1, 1],
  takesRest: true,
  hints: { ...OPTION_HINTS, "--background": "say --detach, or -d" },
  examples: ["capsuled exec box -- ls -l /workspace", "capsuled exec -d box -- python3 -m http.server", "capsuled exec -it box bash"],
  async run(context, given) {
    const [cmd, ...args] = given.rest ?? [];
    if (cmd === undefined) throw new UsageError(`say what to run: capsuled exec ${quoted(given.arguments[0] ?? "CAPSULE")} echo hello`);
    const isTerminal = given.flag("tty");
    const user = userOf(given);
    if (isTerminal && given.flag("detach"))
      throw new UsageError("-t and -d exclude each other: a terminal that is left goes on by `capsuled shell`, Ctrl-]");
    if (isTerminal && given.text("timeout") !== undefined) throw new UsageError("--timeout goes without -t");
    if (isTerminal) requireTerminal(context, "leave out -t");
    const envs = given.variables("env", context.process.env);
    const capsule = await context.capsule(given.arguments[0] ?? "");
    if (isTerminal) {
      const command = { cmd, args, envs, cwd: given.text("cwd"), user, tag: given.text("tag") };
      context.process.exitCode = await runInTerminal(context, capsule, command);
      return;
    }
    const options = { cwd: given.text("cwd"), envs, tag: given.text("tag"), timeout: given.number("timeout") };
    if (given.flag("detach")) {
      const { id, pid, tag } = await capsule.commands.exec(cmd, args, { ...options, background: true });
      return context.show({ id, pid, tag }, () => id);
    }
    const withStdin = given.flag("interactive");
    const stream = capsule.commands.stream(cmd, args, { ...options, stdin: withStdin });
    const leave = (): Promise<void> => stream.kill();
    context.process.exitCode = exitCodeOfEnd(await followProcess(context, stream, { withStdin, leave }));
  },
};

export const shell: Command = {
  name: "shell",
  summary: "Open a terminal in a capsule; Ctrl-] leaves it running",
  usage: "CAPSULE [--attach TERMINAL] [COMMAND…]",
  options: {
    attach: { type: "string", value: "TERMINAL", help: "A terminal that is there: its tag, id or pid." },
    user: { type: "string", short: "u", value: "USER", help: "A user of the capsule, by name or number; root by default." },
  },
  arguments: [1, 1],
  takesRest: true,
  examples: ["capsuled shell box", "capsuled shell box --attach pty-…"],
  async run(context, given) {
    requireTerminal(context, "for scripts there is `capsuled exec`");
    const [id = ""] = given.arguments;
    const capsule = await context.capsule(id);
    const attach = given.text("attach");
    const [cmd, ...args] = given.rest ?? [];
    const { columns: cols, rows } = context.process.stdout;
    const terminal =
      attach === undefined
        ? await capsule.pty.open({ ...(cmd === undefined ? {} : { cmd, args }), user: given.text("user"), cols, rows })
        : await capsule.pty.connect(attach);
    const { tag } = await terminal.started;
    const end = await useTerminal(context, terminal, { onSignal: "leave" });
    if (end === null) context.note(`\nleft; come back with: ${invocationOf(context.process)} shell ${quoted(id)} --attach ${quoted(tag)}`);
    // A person who has typed `exit` knows that it ended.
    else if ((attach !== undefined && end.isUntouched) || end.reason !== "exited")
      context.note(`capsuled: the terminal has ended: ${howItEnded(end)}`);
    context.process.exitCode = end?.exit_code ?? EXIT.ok;
  },
};

function howItEnded({ exit_code: exitCode, signal, reason }: SessionEnd): string {
  return signal === null ? `exit code ${exitCode} (${reason})` : `${signal} (${reason})`;
}

export const ps: Command = {
  name: "ps",
  summary: "List a capsule's processes",
  usage: "CAPSULE",
  hints: {
    ...hintFor(
      "it lists what runs: `capsuled events --capsule CAPSULE` says what has ended, and the capsules are listed by `capsuled ls`",
      "-a",
      "--all",
    ),
    ...hintFor("the capsules are listed by `capsuled ls`", "-q", "--quiet"),
  },
  missing: "the capsules are listed by `capsuled ls`",
  arguments: [1, 1],
  examples: ["capsuled ps box"],
  async run(context, given) {
    const found = await (await context.capsule(given.arguments[0] ?? "")).commands.list();
    context.show(found, () =>
      table(
        context,
        ["PID", "TAG", "ID", "STARTED", "COMMAND"],
        found.map((one) => [
          String(one.pid),
          one.tag === "" ? "-" : one.tag,
          one.id ?? "-",
          ago(one.started_at),
          plain([one.cmd, ...one.args].join(" ")),
        ]),
      ),
    );
  },
};

export const kill: Command = {
  name: "kill",
  summary: "End a process and its whole tree",
  usage: "CAPSULE PROCESS…",
  missing: "`capsuled ps CAPSULE` lists processes; the capsule itself is ended by `capsuled halt` or `capsuled rm`",
  options: {
    signal: { type: "string", short: "s", value: "SIGNAL", choices: ["SIGKILL", "SIGTERM"], help: "SIGKILL, the default, or SIGTERM." },
  },
  arguments: [2, 1000],
  examples: ["capsuled kill box 42", "capsuled kill box server --signal SIGTERM"],
  async run(context, given) {
    const wanted = given.text("signal") ?? "SIGKILL";
    const signal = wanted === "SIGKILL" || wanted === "SIGTERM" ? wanted : null;
    if (signal === null) throw new UsageError("--signal is SIGKILL or SIGTERM");
    const [id = "", ...selectors] = given.arguments;
    const capsule = await context.capsule(id);
    await eachOf(context, selectors, async (selector) => {
      await onProcess(capsule, selector, () => capsule.commands.kill(selector, signal));
      context.show({ process: selector, signal }, () => `${selector} was sent ${signal}`);
    });
  },
};

export const logs: Command = {
  name: "logs",
  summary: "Say what a process has printed, each stream to its own; with -f, also what it prints from now on",
  usage: "CAPSULE PROCESS [-f]",
  options: {
    follow: { type: "boolean", short: "f", help: "Go on until the process ends." },
    stream: { type: "string", value: "STREAM", choices: ["stdout", "stderr"], help: "Without -f: only stdout, or only stderr." },
  },
  arguments: [2, 2],
  hints: hintFor("`capsuled logs … | tail -n N` shows the last lines", "-n", "--tail"),
  missing: "`capsuled ps CAPSULE` lists the processes that run",
  examples: ["capsuled logs box server", "capsuled logs -f box bg-…"],
  async run(context, given) {
    const [id = "", selector = ""] = given.arguments;
    const wanted = given.text("stream");
    if (wanted !== undefined && wanted !== "stdout" && wanted !== "stderr") throw new UsageError("--stream is stdout or stderr");
    if (wanted !== undefined && given.flag("follow")) throw new UsageError("--stream goes without -f, which passes both streams on");
    const capsule = await context.capsule(id);
    await onProcess(capsule, selector, async () => {
      if (given.flag("follow")) await follow(context, capsule, selector);
      else if (wanted === undefined) await passPrinted(context, capsule, selector);
      else await passStream(context, capsule, selector, wanted);
    });
  },
};

async function follow(context: Context, capsule: Capsule, selector: string): Promise<void> {
  const stream = capsule.commands.connect(selector);
  // The process goes on: it is the following that ends.
  const interrupt = (exitCode: number): void => {
    context.process.exitCode = exitCode;
    void stream.return();
  };
  await followProcess(context, stream, { interrupt });
}
