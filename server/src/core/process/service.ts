import type { execRequest, startMessage } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../access/principal.ts";
import type { AgentProcess, ProcessEnd, ProcessStream, Started } from "../ports/agent-link.ts";

export type ExecInput = z.output<typeof execRequest>;
export type StartInput = z.output<typeof startMessage>;

/** A foreground command that has ended, for whatever reason (`timed_out` included). */
export interface ExecEnded {
  readonly kind: "ended";
  readonly end: ProcessEnd;
  /** The head of each stream, at most the server's bound. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
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

export class StartRefused extends Error {
  override readonly name = "StartRefused";
  readonly code: "spawn_failed" | "cwd_not_found";
  constructor(code: StartRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The use cases of processes, one file each beside this one; errors as in `CapsuleService`. */
export interface ProcessService {
  /** `signal` aborts when the client of a foreground command has gone: its process tree is killed. */
  exec(principal: Principal, capsuleId: string, input: ExecInput, signal: AbortSignal): Promise<ExecOutcome>;
  /** Before the upgrade: 404 and 409. */
  prepareStream(principal: Principal, capsuleId: string): Promise<StreamTarget>;
  /** Before the upgrade: 404 and 409 of the capsule, 404 of the selector, 400 of `from`. */
  attach(principal: Principal, capsuleId: string, selector: string, from: "now" | "start" | number): Promise<ProcessStream>;
  list(principal: Principal, capsuleId: string): Promise<readonly AgentProcess[]>;
  kill(principal: Principal, capsuleId: string, selector: string, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Calls back when the capsule stops, pauses for good or is destroyed under an open socket. Returns how to stop listening. */
  onCapsuleGone(capsuleId: string, listener: () => void): () => void;
}
