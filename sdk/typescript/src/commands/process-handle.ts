import type { ExecStarted, ProcessFacts } from "../contract/schemas.ts";
import { requireKnown } from "../transport/options.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";
import { collect } from "./collect.ts";
import type { ConnectOptions } from "./command-options.ts";
import { CONNECT_OPTIONS } from "./command-options.ts";
import type { CommandResult } from "./command-result.ts";
import type { KillSignal } from "./kill-process.ts";
import { killProcess } from "./kill-process.ts";
import type { OutputOptions, OutputRange } from "./output.ts";
import { readOutput } from "./output.ts";
import { ProcessStream } from "./process-stream.ts";

/** A process that runs in the background. It does not need this handle to go on. */
export class ProcessHandle {
  /** Never reused, unlike the pid. */
  readonly id: string;
  readonly pid: number;
  readonly tag: string;
  readonly #transport: Transport;
  readonly #capsuleId: string;

  constructor(transport: Transport, capsuleId: string, started: ExecStarted) {
    this.id = started.id;
    this.pid = started.pid;
    this.tag = started.tag;
    this.#transport = transport;
    this.#capsuleId = capsuleId;
  }

  /** Its result, once it has ended. An abort ends the wait, not the process. */
  async wait(options: Pick<CallOptions, "signal"> = {}): Promise<CommandResult> {
    return collect(this.connect({ ...options, from: "start" }));
  }

  /** Its events: from its start by default, also after its end. */
  connect(options: ConnectOptions = {}): ProcessStream {
    requireKnown(options, CONNECT_OPTIONS);
    const source = { selector: this.id, from: options.from ?? "start" };
    return new ProcessStream(this.#transport, this.#capsuleId, source, { signal: options.signal, endsOnLeave: false });
  }

  /** Signals its whole tree; SIGKILL by default. */
  async kill(signal: KillSignal = "SIGKILL", options: CallOptions = {}): Promise<void> {
    await killProcess(this.#transport, this.#capsuleId, this.id, signal, options);
  }

  /** What it has printed so far, by offset. */
  async output(options: OutputOptions = {}): Promise<OutputRange> {
    return readOutput(this.#transport, "getProcessOutput", { id: this.#capsuleId, selector: this.id }, options);
  }

  /** What is known of it: whether it runs, how it ended. */
  async info(options: CallOptions = {}): Promise<ProcessFacts> {
    return this.#transport.json<ProcessFacts>("getProcess", { ...options, params: { id: this.#capsuleId, selector: this.id } });
  }
}
