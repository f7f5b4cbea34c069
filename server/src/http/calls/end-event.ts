import type { callEvent } from "@capsuled/contract";
import type { z } from "zod";
import type { RunRecord } from "../../core/run/record.ts";
import { renderSse } from "../render/sse.ts";
import type { Place } from "./event-id.ts";
import { renderEventId } from "./event-id.ts";

type CallEvent = z.output<typeof callEvent>;

/** One event as it stands in a stream. */
export function renderEvent(place: Place, event: CallEvent): string {
  return renderSse({ id: renderEventId(place), data: event });
}

/** Whether a run's end is an outcome of its command, whatever the exit code, and not a failure to run it. */
export function hasOutcome(run: RunRecord): run is RunRecord & { readonly exitCode: number } {
  return run.exitCode !== null && run.status !== "timed_out" && run.status !== "error";
}

/** What went wrong, in words. */
export function failureText(run: RunRecord): string {
  return run.error ?? (run.status === "timed_out" ? "Command timed out" : `The run ended: ${run.reason ?? run.status}.`);
}

/** The last event of a run: how its command ended, or why it could not. */
export function endEvent(run: RunRecord): CallEvent {
  if (!hasOutcome(run)) return { type: "error", error: failureText(run), run_id: run.id, reason: run.reason };
  return {
    type: "done",
    exit_code: run.exitCode,
    duration_ms: run.durationMs ?? 0,
    run_id: run.id,
    reason: run.reason ?? "exited",
    signal: run.signal,
    stdout_bytes: run.stdoutBytes,
    stderr_bytes: run.stderrBytes,
  };
}
