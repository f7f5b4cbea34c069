import type { ProcessReason, RunReason, RunStatus } from "@capsuled/contract";
import type { ProcessEnd } from "../ports/agent-link.ts";
import type { ProcessEndFacts } from "../process/record.ts";
import type { RunRecord } from "./record.ts";

/** What becomes of a run's record with its end. */
export type RunOutcome = Pick<
  RunRecord,
  "status" | "reason" | "error" | "exitCode" | "signal" | "endedAt" | "durationMs" | "stdoutBytes" | "stderrBytes"
>;

/** The agent's word for who asked, when a run was cancelled through us. */
const BY_CANCEL = "cancel";

/** The end of its process as a run's. Only from facts, so that it is the same after a restart of the server. */
export function outcomeOf(end: ProcessEnd, timeoutSec: number | null): RunOutcome {
  const { status, reason } = verdictOf(end.reason, end.exitCode, end.requested?.by ?? null);
  return {
    status,
    reason,
    error: wordsFor(status, reason, timeoutSec),
    exitCode: end.exitCode,
    signal: end.signal,
    endedAt: end.endedAt,
    durationMs: Math.round(end.durationMs),
    stdoutBytes: end.stdoutBytes,
    stderrBytes: end.stderrBytes,
  };
}

/** As `outcomeOf`, from what the store remembers of a process that its agent does not know any more. */
export function outcomeOfFacts(run: RunRecord, end: ProcessEndFacts, endedAt: number, timeoutSec: number | null): RunOutcome {
  const { status, reason } = verdictOf(end.reason, end.exit_code, end.requested?.by ?? null);
  return {
    status,
    reason,
    error: wordsFor(status, reason, timeoutSec),
    exitCode: end.exit_code,
    signal: end.signal,
    endedAt,
    durationMs: end.duration_ms,
    stdoutBytes: end.stdout_bytes ?? run.stdoutBytes,
    stderrBytes: end.stderr_bytes ?? run.stderrBytes,
  };
}

/** The end of a run that came to no process, or whose end nobody saw. */
export function withoutProcess(
  run: Pick<RunRecord, "stdoutBytes" | "stderrBytes">,
  status: Extract<RunStatus, "cancelled" | "error">,
  reason: RunReason,
  error: string | null,
  endedAt: number,
): RunOutcome {
  const { stdoutBytes, stderrBytes } = run;
  return { status, reason, error, exitCode: null, signal: null, endedAt, durationMs: null, stdoutBytes, stderrBytes };
}

/** The end of a run that was cancelled before its command began. */
export function cancelledUnbegun(
  run: Pick<RunRecord, "stdoutBytes" | "stderrBytes">,
  reason: Extract<RunReason, "cancelled" | "client_gone">,
  endedAt: number,
): RunOutcome {
  return withoutProcess(run, "cancelled", reason, "The run was cancelled before its command began.", endedAt);
}

function verdictOf(
  reason: ProcessReason,
  exitCode: number | null,
  by: string | null,
): { readonly status: RunStatus; readonly reason: RunReason } {
  switch (reason) {
    case "timed_out":
      return { status: "timed_out", reason };
    case "client_gone":
      return { status: "cancelled", reason };
    case "stopped":
      return { status: "cancelled", reason: "cancelled" };
    case "exited":
    case "signaled":
    case "oom_killed":
    case "killed":
      if (by === BY_CANCEL) return { status: "cancelled", reason: "cancelled" };
      return { status: exitCode === 0 ? "succeeded" : "failed", reason };
    case "spawn_failed":
      return { status: "failed", reason };
    case "server_lost":
    case "capsule_stopped":
    case "capsule_destroyed":
    case "agent_lost":
    case "host_restarted":
      return { status: "error", reason };
  }
}

function wordsFor(status: RunStatus, reason: RunReason, timeoutSec: number | null): string | null {
  if (status === "timed_out") return timeoutSec === null ? "Command timed out" : `Command timed out after ${timeoutSec}s`;
  if (reason === "client_gone") return "The caller left, and the endpoint says on_disconnect: kill.";
  if (status === "cancelled") return "The run was cancelled.";
  if (status !== "error") return null;
  return lossWords(reason);
}

/** Why a command has no end of its own, in words. */
export function lossWords(reason: RunReason): string {
  return LOST[reason] ?? "The end of the command was not seen.";
}

const LOST: Readonly<Partial<Record<RunReason, string>>> = {
  capsule_stopped: "The capsule was stopped while the command ran in it.",
  capsule_destroyed: "The capsule was destroyed while the command ran in it.",
  agent_lost: "The capsule's machine ended while the command ran in it.",
  host_restarted: "The host was restarted while the command ran.",
  server_lost: "The server was restarted, and the end of the command was not seen.",
};
