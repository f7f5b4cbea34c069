import type { ErrorCode, ProcessReason } from "@capsuled/contract";

/** What the server counts. Every label comes from a closed set, so that no caller can make the registry grow. */
export interface Metrics {
  /** One answered request; `operation` is an operation's id, or `unknown`. `code` is null for a success. */
  answered(operation: string, status: number, code: ErrorCode | null, seconds: number): void;
  socketOpened(operation: string): void;
  socketClosed(operation: string, closeCode: number): void;
  /** One exec that ended (its reason), went to the background (`started`), or could not start. */
  execEnded(mode: "foreground" | "background" | "stream" | "terminal", outcome: ProcessReason | "started" | "not_started"): void;
  /** The agent, or the way to it, failed; the code that the caller got. */
  agentFailed(code: ErrorCode): void;
  /** Everything, in Prometheus' text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}
