import type { ExecResult, ExecStarted, Process, ProcessFacts } from "../contract/schemas.ts";
import { CommandError } from "../errors.ts";
import { requireKnown } from "../transport/options.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";
import type { BackgroundOptions, ConnectOptions, RunOptions, StreamOptions } from "./command-options.ts";
import { BACKGROUND_OPTIONS, CONNECT_OPTIONS, RUN_OPTIONS, STREAM_OPTIONS, commandOf, startFields } from "./command-options.ts";
import type { CommandResult } from "./command-result.ts";
import { resultOf } from "./command-result.ts";
import type { KillSignal } from "./kill-process.ts";
import { killProcess } from "./kill-process.ts";
import type { OutputOptions, OutputRange } from "./output.ts";
import { readOutput } from "./output.ts";
import { ProcessHandle } from "./process-handle.ts";
import { ProcessStream } from "./process-stream.ts";
import { runCommand, startStream } from "./run-command.ts";

/** A process: its id, its tag, or its pid. */
export type ProcessSelector = string | number;

/** The commands of a capsule: `capsule.commands`. */
export class Commands {
  readonly #transport: Transport;
  readonly #capsuleId: string;

  constructor(transport: Transport, capsuleId: string) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
  }

  /**
   * Runs a shell command: pipes, variables and quotes work. Waits for its end, 30 s by default; with `background: true` gives a handle
   * at once. A non-zero exit is a result; `orThrow()` makes it an error. A command that is killed at its timeout throws a
   * `CommandTimeoutError`.
   */
  run(command: string, options: BackgroundOptions): Promise<ProcessHandle>;
  run(command: string, options?: RunOptions): Promise<CommandResult>;
  run(command: string, options: RunOptions | BackgroundOptions = {}): Promise<CommandResult | ProcessHandle> {
    requireOptions(options);
    requireKnown(options, options.background === true ? BACKGROUND_OPTIONS : RUN_OPTIONS);
    return this.#start(command, undefined, options);
  }

  /** Runs a program with its arguments as they are, without a shell. Otherwise as `run`. */
  exec(cmd: string, args: readonly string[], options: BackgroundOptions): Promise<ProcessHandle>;
  exec(cmd: string, args?: readonly string[], options?: RunOptions): Promise<CommandResult>;
  exec(cmd: string, args: readonly string[] = [], options: RunOptions | BackgroundOptions = {}): Promise<CommandResult | ProcessHandle> {
    requireArguments(args);
    requireKnown(options, options.background === true ? BACKGROUND_OPTIONS : RUN_OPTIONS);
    return this.#start(cmd, args, options);
  }

  /**
   * Starts a command and follows its output. With `args` it is a program, without them a shell command. Leaving the iteration before
   * the end kills the command, unless `onLeave` is `continue`.
   */
  stream(cmd: string, args: readonly string[], options?: StreamOptions): ProcessStream;
  stream(command: string, options?: StreamOptions): ProcessStream;
  stream(cmd: string, second: readonly string[] | StreamOptions = {}, third: StreamOptions = {}): ProcessStream {
    const [args, options] = isArguments(second) ? [second, third] : [undefined, second];
    requireKnown(options, STREAM_OPTIONS);
    return startStream(this.#transport, this.#capsuleId, commandOf(cmd, args), options);
  }

  /** Attaches to a process that runs, or has ended and is kept: from its start by default. Leaving lets it go on. */
  connect(process: ProcessSelector, options: ConnectOptions = {}): ProcessStream {
    requireKnown(options, CONNECT_OPTIONS);
    const source = { selector: String(process), from: options.from ?? "start" } as const;
    return new ProcessStream(this.#transport, this.#capsuleId, source, { signal: options.signal, endsOnLeave: false });
  }

  /** Every process in the capsule. */
  async list(options: CallOptions = {}): Promise<Process[]> {
    const answer = await this.#transport.json<{ processes: Process[] }>("listProcesses", { ...options, params: { id: this.#capsuleId } });
    return answer.processes;
  }

  /** Signals a process's whole tree; SIGKILL by default. */
  async kill(process: ProcessSelector, signal: KillSignal = "SIGKILL", options: CallOptions = {}): Promise<void> {
    await killProcess(this.#transport, this.#capsuleId, String(process), signal, options);
  }

  /** What is known of a process, also after its end. */
  async info(process: ProcessSelector, options: CallOptions = {}): Promise<ProcessFacts> {
    return this.#transport.json<ProcessFacts>("getProcess", { ...options, params: { id: this.#capsuleId, selector: String(process) } });
  }

  /** What a process has printed so far, by offset. */
  async output(process: ProcessSelector, options: OutputOptions = {}): Promise<OutputRange> {
    return readOutput(this.#transport, "getProcessOutput", { id: this.#capsuleId, selector: String(process) }, options);
  }

  async #start(
    cmd: string,
    args: readonly string[] | undefined,
    options: RunOptions | BackgroundOptions,
  ): Promise<CommandResult | ProcessHandle> {
    const command = commandOf(cmd, args);
    if (options.background !== true) return runCommand(this.#transport, this.#capsuleId, command, options);
    const { tag, busy, timeout, signal, requestTimeoutMs, idempotencyKey } = options;
    const answer = await this.#transport.json<ExecStarted | ExecResult>("exec", {
      params: { id: this.#capsuleId },
      body: { ...command, ...startFields(options), background: true, tag, busy, timeout },
      signal,
      requestTimeoutMs,
      idempotencyKey,
    });
    // A program that does not exist never was in the background.
    if ("exit_code" in answer) throw new CommandError(resultOf(answer));
    return new ProcessHandle(this.#transport, this.#capsuleId, answer);
  }
}

/** Without types it is easily taken for `exec`, and arguments that are left out without a word make another command. */
function requireOptions(options: unknown): void {
  const isWrong = typeof options !== "object" || options === null || Array.isArray(options) || "args" in options;
  if (isWrong)
    throw new TypeError("run(command, options) takes one line for a shell; exec(cmd, args, options) takes a program's arguments");
}

/** Without types a text is easily taken for them, whose letters would be the arguments. */
function requireArguments(args: unknown): void {
  if (!Array.isArray(args)) throw new TypeError("args is a list of texts, one for each argument: ['-l', '/tmp'], not '-l /tmp'");
}

function isArguments(value: readonly string[] | StreamOptions): value is readonly string[] {
  return Array.isArray(value);
}
