import type { ProcessEnd } from "../../core/ports/agent-link.ts";

/** Why a process ended and what it printed in all, as every answer and message says it beside its exit code. */
export function renderEndFacts(end: ProcessEnd) {
  return {
    reason: end.reason,
    signal: end.signal,
    oom_kills: end.oomKills,
    requested: end.requested,
    stdout_bytes: end.stdoutBytes,
    stderr_bytes: end.stderrBytes,
    late_bytes: end.lateBytes,
    stdout_sha256: end.stdoutSha256 ?? null,
    stderr_sha256: end.stderrSha256 ?? null,
  };
}

/** The message of an end, as every socket has it. */
export function renderExitFacts(end: ProcessEnd) {
  return { type: "exit", exit_code: end.exitCode, seq: end.seq, duration_ms: end.durationMs, ...renderEndFacts(end) } as const;
}
