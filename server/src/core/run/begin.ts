import { conclude } from "./conclude.ts";
import type { RunContext } from "./context.ts";
import { continueRun } from "./continue-run.ts";
import { driveRun } from "./drive-run.ts";
import { leavePlace } from "./leave-place.ts";
import type { LiveRun } from "./live-run.ts";
import { withoutProcess } from "./outcome.ts";

/** Takes a slot of the endpoint, or a place in its queue. `isOwed`: it was accepted before. Throws `queue_full`. */
export function takePlace(ctx: RunContext, live: LiveRun, isOwed = false): void {
  const max = live.plan?.maxConcurrency ?? null;
  if (max === null) {
    live.hasTurn = true;
    return;
  }
  const ticket = {
    endpointId: live.record.endpointId,
    go: () => {
      live.hasTurn = true;
      beginWhenReady(ctx, live);
    },
  };
  live.hasTurn = ctx.queue.enter(ticket, max, isOwed);
  live.ticket = ticket;
}

/** Begins the run once its turn has come and its intent is stored; until then it waits, within its bound. */
export function beginWhenReady(ctx: RunContext, live: LiveRun): void {
  if (!live.isCommitted || live.hasBegun || live.isOver || ctx.isClosing) return;
  if (!live.hasTurn) return waitInQueue(ctx, live);
  live.hasBegun = true;
  if (live.timer !== null) clearTimeout(live.timer);
  live.timer = null;
  live.record = { ...live.record, status: "running" };
  void (live.isContinued ? continueRun(ctx, live) : driveRun(ctx, live));
}

function waitInQueue(ctx: RunContext, live: LiveRun): void {
  const { deadlineAt } = live.record;
  if (live.timer !== null || deadlineAt === null) return;
  live.timer = setTimeout(() => endWaiting(ctx, live), Math.max(0, deadlineAt - ctx.deps.clock.now()));
  live.timer.unref();
  ctx.writer.save({ run: live.record, output: null, notification: null });
}

function endWaiting(ctx: RunContext, live: LiveRun): void {
  live.timer = null;
  if (live.ticket === null || !ctx.queue.withdraw(live.ticket)) return;
  live.ticket = null;
  const words = "The endpoint's other runs took so long that this one's turn did not come.";
  conclude(ctx, live, withoutProcess(live.record, "error", "queue_timeout", words, ctx.deps.clock.now()));
}

/** Takes back a run of which nothing is stored and nobody knows. */
export function forgetUnstarted(ctx: RunContext, live: LiveRun): void {
  ctx.live.delete(live.record.id);
  leavePlace(ctx, live);
}
