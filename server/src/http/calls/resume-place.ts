import { fail, invalid } from "../../core/fail.ts";
import { RUN_BEGIN } from "../../core/run/output.ts";
import { isEnded } from "../../core/run/record.ts";
import type { RunHandle } from "../../core/run/service.ts";
import type { Place } from "./event-id.ts";
import { parseEventId } from "./event-id.ts";

/** The place that an event's id names. Throws `invalid_request` for what is no such id. */
export function placeOf(eventId: string): Place {
  const place = parseEventId(eventId);
  if (place === null) throw invalid("Last-Event-ID", "must be the id of an event of a run");
  return place;
}

/** A run's beginning. */
export function beginOf(handle: RunHandle): Place {
  return { runId: handle.run.id, position: RUN_BEGIN, passed: "lines" };
}

/**
 * Throws `invalid_request` for a place that a run has not come to: nobody was told of it. Where it is not known how far the run has
 * come, because it is read again after a restart, the reader waits for its place instead.
 */
export function requireWithin({ run, isCounted }: RunHandle, { position, passed }: Place): void {
  const isBeyond = isCounted && (position.stdout > run.stdoutBytes || position.stderr > run.stderrBytes);
  if (isBeyond || (passed !== "lines" && !isEnded(run.status))) throw invalid("Last-Event-ID", "lies beyond what the run has printed");
}

export function noSuchRun(): Error {
  return fail("not_found", "The run of Last-Event-ID is not this endpoint's, or is not kept any more.");
}
