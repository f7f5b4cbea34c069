import type { Category, ErrorCode, ProcessReason } from "@capsuled/contract";

/** What the server counts. Every label comes from a closed set, so that no caller can make the registry grow. */
export interface Metrics {
  /** One answered request. `operation` is an id of the contract, or `unknown`; `category` is `null` for an answer that is no error. */
  recordRequest(operation: string, status: number, category: Category | null, durationMs: number): void;
  /** One exec that ended (`reason`), went to the background, or could not start. */
  recordExec(mode: "foreground" | "background" | "stream", outcome: ProcessReason | "started" | "not_started"): void;
  /** A socket of this operation opened; call the result once when it has closed. */
  socketOpened(operation: string): () => void;
  /** The agent or the way to it failed: the code shown to the caller. */
  recordAgentError(code: ErrorCode): void;
  /** The text that Prometheus scrapes. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}
