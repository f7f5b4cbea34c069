import type { RunContext } from "./context.ts";
import type { LiveRun } from "./live-run.ts";

/** Gives up the run's slot, so that the next one begins, or its place in the queue. */
export function leavePlace(ctx: RunContext, live: LiveRun): void {
  const { ticket, record, hasTurn } = live;
  live.ticket = null;
  if (ticket === null) return;
  if (!hasTurn) ctx.queue.withdraw(ticket);
  else ctx.queue.leave(ticket.endpointId, Math.max(0, (record.endedAt ?? record.createdAt) - (record.startedAt ?? record.createdAt)));
}
