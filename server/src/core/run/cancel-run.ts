import type { Principal } from "../access/principal.ts";
import { settledWithin } from "../capsule/wait.ts";
import { fail } from "../fail.ts";
import { conclude } from "./conclude.ts";
import type { RunContext } from "./context.ts";
import { getRun } from "./find-run.ts";
import type { LiveRun } from "./live-run.ts";
import { cancelledUnbegun } from "./outcome.ts";
import type { RunRecord } from "./record.ts";
import { isEnded } from "./record.ts";

/** Milliseconds between SIGTERM and SIGKILL of a run that is cancelled. */
export const CANCEL_GRACE_MS = 2000;
/** Milliseconds that cancelling waits for the end. */
const END_MS_MAX = 5000;

/** Ends a run: kills its process tree, or takes it out of the queue. Throws `not_found`, and `unavailable` for a run of another server. */
export async function cancelRun(ctx: RunContext, principal: Principal, id: string, by: string): Promise<RunRecord> {
  const handle = await getRun(ctx, principal, id);
  if (isEnded(handle.run.status)) return handle.run;
  const live = ctx.live.get(id);
  if (live === undefined) throw fail("unavailable", "Another server has this run in hand: ask that one.");
  ctx.deps.log.info({ runId: id, by }, "a run is cancelled");
  endRun(ctx, live, "cancelled");
  await settledWithin(live.ended, END_MS_MAX);
  return live.record;
}

/** The caller of a run with `on_disconnect: kill` has left. */
export function abandonRun(ctx: RunContext, id: string): void {
  const live = ctx.live.get(id);
  if (live !== undefined) endRun(ctx, live, "client_gone");
}

function endRun(ctx: RunContext, live: LiveRun, reason: "cancelled" | "client_gone"): void {
  if (live.isOver || live.cancelled !== null) return;
  live.cancelled = reason;
  if (live.stream !== null) {
    if (reason === "client_gone") live.stream.cancel("client_gone", 0);
    else live.stream.cancel("stopped", CANCEL_GRACE_MS);
    return;
  }
  // What is being started, or found again, is ended as soon as it is there; what only waits, for its turn or its own capsule, is over now.
  if (live.hasBegun && (live.record.startedAt !== null || !live.record.ownsCapsule)) return;
  conclude(ctx, live, cancelledUnbegun(live.record, reason, ctx.deps.clock.now()));
}
