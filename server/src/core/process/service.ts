import type { execRequest, MemoryEvidence, startMessage, TerminalConnect, TerminalStart } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../access/principal.ts";
import type { Intent } from "../idempotency/service.ts";
import type { AgentProcess, OutputRange, ProcessEnd, ProcessStream, Started } from "../ports/agent-link.ts";
import type { OutputInput } from "./read-output.ts";
import type { ProcessRecord } from "./record.ts";

export type ExecInput = z.output<typeof execRequest>;
export type StartInput = z.output<typeof startMessage>;

/** A foreground command that has ended, for whatever reason (`timed_out` included). */
export interface ExecEnded {
  readonly kind: "ended";
  readonly end: ProcessEnd;
  /** The head of each stream, at most the server's bound. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** The capsule's memory, where it was the end of the command. */
  readonly evidence?: MemoryEvidence | null;
}

/** A command that could not start: `exitCode` 127 (not found) or 126 (not executable), and why in words. */
export interface ExecNotStarted {
  readonly kind: "not_started";
  readonly id: string;
  readonly exitCode: 126 | 127;
  readonly message: string;
}

export interface ExecInBackground {
  readonly kind: "background";
  readonly started: Started;
}

export type ExecOutcome = ExecEnded | ExecNotStarted | ExecInBackground;

/** An exec stream that may be opened: the capsule is there and running. */
export interface StreamTarget {
  /**
   * Starts what the first message asks for. Throws `CapsuledError` as `exec` does, and `StartRefused` for what is an
   * `error` message on a socket: a program that cannot be found or executed, a missing `cwd`.
   */
  start(input: StartInput): Promise<ProcessStream>;
}

/** A terminal that a viewer reads. */
export interface OpenTerminal {
  readonly stream: ProcessStream;
  /** Offset of the first byte that the viewer is to see; the first record may begin before it. */
  readonly showFrom: number;
}

/** A terminal that may be opened: the capsule is there and running. */
export interface TerminalTarget {
  /** Throws as `StreamTarget.start` does; `StartRefused` for an unknown `user` too. */
  start(input: TerminalStart): Promise<OpenTerminal>;
  /** Throws `StartRefused` where there is no such terminal, and `CapsuledError` `invalid_offset`. */
  connect(input: TerminalConnect): Promise<OpenTerminal>;
}

export class StartRefused extends Error {
  override readonly name = "StartRefused";
  readonly code: "spawn_failed" | "cwd_not_found" | "terminal_not_found" | "user_not_found";
  constructor(code: StartRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The use cases of processes, one file each beside this one; errors as in `CapsuleService`. */
export interface ProcessService {
  /**
   * `signal` aborts when the client of a foreground command has gone: its process tree is killed. With an intent it is not, and the
   * command runs once, however often it is asked for.
   */
  exec(principal: Principal, capsuleId: string, input: ExecInput, signal: AbortSignal, intent?: Intent): Promise<ExecOutcome>;
  /** Before the upgrade: 404 and 409. */
  prepareStream(principal: Principal, capsuleId: string): Promise<StreamTarget>;
  /** Before the upgrade: 404 and 409. */
  prepareTerminal(principal: Principal, capsuleId: string): Promise<TerminalTarget>;
  /** Before the upgrade: 404 and 409 of the capsule, 404 of the selector, 400 of `from`. */
  attach(principal: Principal, capsuleId: string, selector: string, from: "now" | "start" | number): Promise<ProcessStream>;
  list(principal: Principal, capsuleId: string): Promise<readonly AgentProcess[]>;
  /** From the agent, or from the store for 7 days after its end; also while the capsule is paused, and after it is gone. */
  get(principal: Principal, capsuleId: string, selector: string): Promise<ProcessRecord>;
  /** A page of at most 1 MiB. Throws `invalid_offset`, and `result_expired` for a process whose output is not kept any more. */
  output(principal: Principal, capsuleId: string, selector: string, input: OutputInput): Promise<OutputRange>;
  kill(principal: Principal, capsuleId: string, selector: string, signal: "SIGTERM" | "SIGKILL", intent?: Intent): Promise<void>;
  /** Calls back when the capsule stops, pauses for good or is destroyed under an open socket. Returns how to stop listening. */
  onCapsuleGone(capsuleId: string, listener: () => void): () => void;
}
