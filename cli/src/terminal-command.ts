import type { Capsule } from "capsuled";
import type { Given } from "./command.ts";
import type { Context } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { useTerminal } from "./terminal-session.ts";

/** What is run in a terminal. */
export interface TerminalCommand {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs?: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly user: string | undefined;
  readonly tag?: string | undefined;
}

/** Runs a command in a terminal of a capsule, which takes the place of this one; gives its exit code. */
export async function runInTerminal(context: Context, capsule: Capsule, { args, envs, ...command }: TerminalCommand): Promise<number> {
  const { columns: cols, rows } = context.process.stdout;
  const terminal = await capsule.pty.open({
    ...command,
    args: [...args],
    ...(envs === undefined ? {} : { envs: { ...envs } }),
    cols,
    rows,
  });
  return (await useTerminal(context, terminal, { onSignal: "kill" }))?.exit_code ?? EXIT.ok;
}

/** The user to run as; only terminals have another one than the template's. */
export function userOf(given: Given): string | undefined {
  const user = given.text("user");
  if (user === undefined || given.flag("tty")) return user;
  throw new UsageError(`--user goes with -t; without a terminal, let the command change the user, as in: ${asUser(user)} COMMAND`);
}

/** What runs a command as that user, groups and all: `NAME`, `1000` or `1000:1000`, as docker takes them. */
function asUser(user: string): string {
  const [name = "", group] = user.split(":");
  if (group === undefined && !/^\d+$/.test(name)) return `runuser -u ${name} --`;
  return `setpriv --reuid ${name} --regid ${group ?? name} --clear-groups`;
}
