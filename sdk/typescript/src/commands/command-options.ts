import type { NamesOf } from "../transport/options.ts";
import type { CallOptions, RepeatableOptions } from "../transport/transport.ts";
import { REPEATABLE_OPTIONS } from "../transport/transport.ts";

/** What every command may be started with. */
export interface CommandOptions {
  /** Variables on top of the capsule's own. */
  readonly envs?: Readonly<Record<string, string>> | undefined;
  /** Working directory; `/root` by default. */
  readonly cwd?: string | undefined;
  /** Your name for the process, unique among the capsule's live ones. */
  readonly tag?: string | undefined;
}

/** Of a command whose end is waited for. */
export interface RunOptions extends CommandOptions, RepeatableOptions {
  /** Seconds until the process tree is killed; 30 by default, 0 for never. */
  readonly timeout?: number | undefined;
  /** What it reads from its standard input; nothing by default. */
  readonly stdin?: string | Uint8Array | undefined;
  readonly background?: false | undefined;
}

/** Of a command that is left running. */
export interface BackgroundOptions extends CommandOptions, RepeatableOptions {
  readonly background: true;
  /** Seconds until the process tree is killed; never by default. */
  readonly timeout?: number | undefined;
  /** Whether the process counts as activity, so that the capsule is not paused while it runs. */
  readonly busy?: boolean | undefined;
}

/** Of a command whose output is followed as it comes. */
export interface StreamOptions extends CommandOptions, Pick<CallOptions, "signal"> {
  /** Seconds until the process tree is killed; never by default. */
  readonly timeout?: number | undefined;
  /** Keep standard input open for `write`; it is /dev/null otherwise. */
  readonly stdin?: boolean | undefined;
  /** What becomes of the command when its reader leaves before its end; `kill` by default. */
  readonly onLeave?: "kill" | "continue" | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** Of attaching to a process. */
export interface ConnectOptions extends Pick<CallOptions, "signal"> {
  /** `start`: all that is kept, the default. `now`: what comes from now on. Or the number of the record to begin with. */
  readonly from?: "start" | "now" | number | undefined;
}

const COMMAND_OPTIONS = { envs: true, cwd: true, tag: true } as const satisfies NamesOf<CommandOptions>;

export const RUN_OPTIONS = {
  ...COMMAND_OPTIONS,
  ...REPEATABLE_OPTIONS,
  timeout: true,
  stdin: true,
  background: true,
} as const satisfies NamesOf<RunOptions>;

export const BACKGROUND_OPTIONS = {
  ...COMMAND_OPTIONS,
  ...REPEATABLE_OPTIONS,
  background: true,
  timeout: true,
  busy: true,
} as const satisfies NamesOf<BackgroundOptions>;

export const STREAM_OPTIONS = {
  ...COMMAND_OPTIONS,
  signal: true,
  timeout: true,
  stdin: true,
  onLeave: true,
  idempotencyKey: true,
} as const satisfies NamesOf<StreamOptions>;

export const CONNECT_OPTIONS = { signal: true, from: true } as const satisfies NamesOf<ConnectOptions>;

/** A command as one text, for a shell, or a program with its arguments. */
export function commandOf(cmd: string, args: readonly string[] | undefined): { readonly cmd: string; readonly args: string[] } {
  return args === undefined ? { cmd: "/bin/sh", args: ["-c", cmd] } : { cmd, args: [...args] };
}

/** The fields that every start has. */
export function startFields({ envs, cwd }: CommandOptions): { envs?: Record<string, string>; cwd?: string } {
  return { ...(envs === undefined ? {} : { envs: { ...envs } }), ...(cwd === undefined ? {} : { cwd }) };
}
