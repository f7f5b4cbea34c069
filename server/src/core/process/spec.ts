import { LIMITS } from "@capsuled/contract";
import { invalid } from "../fail.ts";
import type { ProcessUser, StartSpec, TerminalSize } from "../ports/agent-link.ts";

/** What every process starts with; the capsule's own variables and then the command's come on top. Nothing of the host is in it. */
const BASE_ENV = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  USER: "root",
  LOGNAME: "root",
} as const;

/** Seconds that a foreground command may take when its caller does not say. */
export const EXEC_TIMEOUT_SEC = 30;

/** What exec and a socket's `start` have in common. */
export interface CommandInput {
  readonly cmd: string;
  readonly args?: readonly string[] | undefined;
  readonly envs?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly tag?: string | undefined;
  readonly timeout?: number | undefined;
  readonly timeout_sec?: number | undefined;
}

/** How the process is to be run, beside the command itself. */
export interface RunMode {
  readonly id: string;
  readonly tag: string;
  readonly stdin: boolean;
  readonly foreground: boolean;
  readonly busy: boolean;
  readonly timeoutSec: number;
  readonly onDisconnect: StartSpec["onDisconnect"];
  readonly by: string;
  readonly key?: string;
  readonly pty?: TerminalSize;
  readonly user?: ProcessUser;
}

/** A command in a capsule as the agent takes it. Throws `invalid_request`. */
export function startSpec(input: CommandInput, capsuleEnvs: Readonly<Record<string, string>>, mode: RunMode): StartSpec {
  const env = { ...BASE_ENV, ...capsuleEnvs, ...input.envs };
  const args = input.args ?? [];
  checkSize(args, env);
  return {
    id: mode.id,
    cmd: input.cmd,
    args,
    env,
    cwd: workingDirectory(input.cwd, env["HOME"]),
    tag: mode.tag,
    stdin: mode.stdin,
    timeoutMs: mode.timeoutSec * 1000,
    foreground: mode.foreground,
    busy: mode.busy,
    onDisconnect: mode.onDisconnect,
    by: mode.by,
    ...(mode.key !== undefined && { key: mode.key }),
    ...(mode.pty !== undefined && { pty: mode.pty }),
    ...(mode.user !== undefined && { user: mode.user }),
  };
}

/** `timeout` and `timeout_sec` are one setting: seed and documented client name it differently. Throws `invalid_request` when they differ. */
export function timeoutSeconds(input: CommandInput): number | undefined {
  if (input.timeout !== undefined && input.timeout_sec !== undefined && input.timeout !== input.timeout_sec) {
    throw invalid("timeout", "differs from timeout_sec; give one of them");
  }
  return input.timeout ?? input.timeout_sec;
}

/** Absolute as it is; `~` is the home directory, and anything relative is below it. */
export function workingDirectory(cwd: string | undefined, home: string | undefined): string {
  const base = home?.startsWith("/") === true ? home : BASE_ENV.HOME;
  if (cwd === undefined) return BASE_ENV.HOME;
  if (cwd.startsWith("/")) return cwd;
  if (cwd === "~") return base;
  if (cwd.startsWith("~/")) return `${base}${cwd.slice(1)}`;
  return `${base}/${cwd}`;
}

/** A character of JavaScript is at most three bytes of UTF-8, so most commands need no exact count. */
function checkSize(args: readonly string[], env: Readonly<Record<string, string>>): void {
  let chars = 0;
  for (const arg of args) chars += arg.length;
  for (const name in env) chars += name.length + (env[name] ?? "").length;
  if (chars * 3 <= LIMITS.commandBytesMax) return;
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const arg of args) bytes += encoder.encode(arg).length;
  for (const [name, value] of Object.entries(env)) bytes += encoder.encode(name).length + encoder.encode(value).length;
  if (bytes > LIMITS.commandBytesMax)
    throw invalid("args", `arguments and environment together are ${bytes} bytes, at most ${LIMITS.commandBytesMax}`);
}
