import type { Duplex } from "node:stream";
import type { ProcessReason } from "@capsuled/contract";
import type { AgentFiles } from "./agent-files.ts";

/** What listens on a TCP port of a capsule. */
export interface ListeningPort {
  readonly port: number;
  readonly address: string;
  readonly pid: number | null;
}

/** Columns and rows, each 1 to 1000. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** Whom a process runs as. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** What a process is started with; `env` is the whole environment. */
export interface StartSpec {
  readonly id: string;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  /** `""` is none. */
  readonly tag: string;
  readonly stdin: boolean;
  /** Unfrozen milliseconds; 0 is none. */
  readonly timeoutMs: number;
  readonly foreground: boolean;
  /** Counts as activity while it runs. */
  readonly busy: boolean;
  /** What an end of the connection without a `cancel` means. */
  readonly onDisconnect: "continue" | "kill" | "grace";
  /** A repeated start with the same key starts nothing: it is answered by the process that the first one started. */
  readonly key?: string;
  /** Who starts it; comes back in the agent's log. */
  readonly by?: string;
  /** Gives it a terminal of that size: its input, output and error. */
  readonly pty?: TerminalSize;
  /** Root, when left out. */
  readonly user?: ProcessUser;
}

/** What a process was given by its hosts. */
export interface GivenInput {
  /** Bytes in all, and those among them that wait for the process. */
  readonly bytes: number;
  readonly queued: number;
  /** Nothing more will come. */
  readonly closed: boolean;
  /** Whether bytes may be sent with their place; agents of before take them in their order only. */
  readonly isPlaced?: boolean;
}

export interface Started {
  readonly id: string;
  readonly pid: number;
  readonly tag: string;
  readonly nextSeq: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** Whether an earlier start with the same key began it. */
  readonly repeated?: boolean;
  /** What came for its input so far, where that is a pipe; not from agents of before. */
  readonly stdin?: GivenInput;
  /** The size of its terminal, where it has one. */
  readonly pty?: TerminalSize;
}

/** Bytes that a process printed, as the journal has them. */
export interface OutputRecord {
  readonly kind: "stdout" | "stderr";
  readonly seq: number;
  /** Of the first byte within its own stream. */
  readonly offset: number;
  /** The incomplete UTF-8 sequence (0 to 3 bytes) before `bytes`. */
  readonly tail: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface GapRecord {
  readonly kind: "gap";
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/** The facts of a process's end. */
export interface ProcessEnd {
  readonly kind: "exit";
  readonly id: string;
  readonly pid: number;
  readonly tag: string;
  readonly seq: number;
  readonly exitCode: number;
  readonly signal: string | null;
  readonly reason: ProcessReason;
  readonly requested: { readonly by: string; readonly signal: string } | null;
  readonly oomKills: number;
  readonly durationMs: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly lateBytes: number;
  /** Of all bytes that the stream ever had, in hex; `null` where that is not known any more. */
  readonly stdoutSha256?: string | null;
  readonly stderrSha256?: string | null;
  /** The incomplete UTF-8 sequence (0 to 3 bytes) that the stream ended with. */
  readonly stdoutTail?: Uint8Array;
  readonly stderrTail?: Uint8Array;
}

/** The connection or the agent said no more: `lost` when it went away, else the agent's own code. */
export interface StreamFailure {
  readonly kind: "failed";
  readonly code: string;
  readonly message: string;
}

/** The child took `bytes` of what was sent to its stdin. */
export interface StdinRoom {
  readonly kind: "stdin_room";
  readonly bytes: number;
  /** How many bytes the child took in all; not from agents of before. */
  readonly taken?: number | undefined;
}

/** The agent dropped stdin bytes that went beyond the queue's bound. */
export interface StdinFull {
  readonly kind: "stdin_full";
}

/** The agent dropped bytes with a place, or the end, since bytes before it have not come. */
export interface StdinGap {
  readonly kind: "stdin_gap";
}

export type ProcessEvent = OutputRecord | GapRecord | ProcessEnd | StreamFailure | StdinRoom | StdinFull | StdinGap;

/** An attached process. Events come in order; the last is `exit` or `failed`. */
export interface ProcessStream {
  readonly started: Started;
  /**
   * Set once, at once after it was opened; what came before is delivered first. A listener that is `copying` keeps nothing of the bytes
   * it gets: their memory is used again behind its call.
   */
  onEvent(listener: (event: ProcessEvent) => void, isCopying?: boolean): void;
  /** Stops events until `resume`; the agent then paces the process (its own bound, 30 s). */
  pause(): void;
  resume(): void;
  /** With a place in all input, what has come before is not taken again. */
  sendStdin(bytes: Uint8Array, place?: number): void;
  /** With a place, only where all before it has come. */
  closeStdin(place?: number): void;
  /** Gives its terminal another size; of several readers' the latest wins. */
  resize(size: TerminalSize): void;
  /** Asks for the end of the process tree: SIGTERM, SIGKILL after `graceMs` (0: at once). The `exit` follows. */
  cancel(reason: "client_gone" | "stopped" | "timed_out", graceMs: number): void;
  /** Detaches; the process goes on. */
  close(): void;
}

/** A foreground command's outcome, its output bounded. */
export interface Collected {
  readonly started: Started;
  readonly end: ProcessEnd;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export interface AgentProcess {
  readonly id: string | null;
  readonly pid: number;
  readonly ppid: number;
  readonly tag: string;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly startedAt: number;
}

/** A process that the agent remembers, running or ended. */
export interface KnownProcess {
  readonly id: string;
  readonly pid: number;
  readonly tag: string;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly startedAt: number;
  /** `null` while it runs. */
  readonly end: ProcessEnd | null;
}

/** One entry of the agent's numbered log of processes: what `start` began in the background, streamed, tagged or keyed, and every abnormal end. */
export interface LogEntry {
  /** Dense from 1. */
  readonly n: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly process: Omit<KnownProcess, "end">;
  /** Who started it, where `start` said so. */
  readonly by: string | null;
  /** `null`: it has started. */
  readonly end: ProcessEnd | null;
}

/** A log being read. */
export interface LogFeed {
  /** Resolves after the last entry of a log that is not followed; rejects when the agent says no more. Never settles after `close`. */
  readonly done: Promise<void>;
  pause(): void;
  resume(): void;
  close(): void;
}

/** A range of a stream's bytes, as far as the agent still has them. */
export interface OutputRange {
  readonly bytes: Uint8Array;
  /** Offset of the first byte; later than what was asked for when that is not kept any more. */
  readonly from: number;
  /** Offset to go on from. */
  readonly next: number;
  /** Bytes of the stream so far. */
  readonly total: number;
  /** Whether the process has ended: `total` is final. */
  readonly ended: boolean;
  /** Number of the record that the first byte is in, where it is known. */
  readonly firstSeq?: number | null;
}

export interface AgentStats {
  readonly bootId: string;
  /** Unfrozen milliseconds since the last activity. */
  readonly idleMs: number;
  /** Operations under way that count as activity. */
  readonly busy: number;
  readonly processes: number;
  /** Number of the next entry of its log. */
  readonly logNext: number;
}

/** The agent's refusal, with its code (agent/PROTOCOL.md), e.g. `not_found`, `cwd_not_found`, `tag_in_use`, `process_limit`. */
export class AgentRefusal extends Error {
  override readonly name = "AgentRefusal";
  readonly code: string;
  readonly field: string | null;
  constructor(code: string, message: string, field: string | null) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/** The agent cannot be reached, or its connection ended in the middle of an operation. */
export class AgentLostError extends Error {
  override readonly name = "AgentLostError";
}

/** The server's way to one capsule's agent. Every method may throw `AgentRefusal` and `AgentLostError`. */
export interface AgentLink {
  readonly files: AgentFiles;
  /** Runs to the end and collects at most `outputBytesMax` of each stream (the head). Aborting kills the tree (`client_gone`) and still resolves with the end. */
  run(spec: StartSpec, stdin: Uint8Array | null, outputBytesMax: number, signal: AbortSignal): Promise<Collected>;
  /** Starts without attaching. */
  start(spec: StartSpec): Promise<Started>;
  /** Starts and attaches from the first record. */
  open(spec: StartSpec): Promise<ProcessStream>;
  attach(selector: string, from: "now" | "start" | number): Promise<ProcessStream>;
  list(): Promise<readonly AgentProcess[]>;
  /** A process by id, pid or tag, running or ended and kept. */
  get(selector: string): Promise<KnownProcess>;
  /** At most `limit` bytes (1 MiB) of a stream from an offset on. An offset beyond the end is refused with `invalid_offset`. */
  output(selector: string, stream: "stdout" | "stderr", from: number, limit: number): Promise<OutputRange>;
  /** Reads the log from entry `from` on; followed, it goes on with the entries to come. */
  log(from: number, follow: boolean, onEntry: (entry: LogEntry) => void): LogFeed;
  signal(selector: string, signal: "SIGTERM" | "SIGKILL", by: string): Promise<void>;
  /** A byte pipe to a TCP port of the capsule's loopback. Refused with `refused` where nothing listens, `timeout` where nothing answers. */
  dial(port: number): Promise<Duplex>;
  /** The TCP ports that something listens on, by number. */
  ports(): Promise<readonly ListeningPort[]>;
  stats(): Promise<AgentStats>;
  touch(): Promise<void>;
  /** Stops and restarts the agent's clocks, around a freeze. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends every process: SIGTERM, SIGKILL after `graceMs`. */
  shutdown(reason: "capsule_stopped" | "capsule_destroyed", graceMs: number): Promise<void>;
  /** Closes every connection. Ends no process by itself. */
  close(): void;
}
