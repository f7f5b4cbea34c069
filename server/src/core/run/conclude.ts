import type { StoredOutput } from "./store.ts";
import type { RunContext } from "./context.ts";
import { inBackground, principalOf } from "./context.ts";
import { leavePlace } from "./leave-place.ts";
import type { LiveRun } from "./live-run.ts";
import type { RunOutcome } from "./outcome.ts";
import { draftOf } from "./plan.ts";

/** A run has ended: its caller and its readers hear of it at once; then its output is kept, the end is stored, and its own capsule destroyed. */
export function conclude(ctx: RunContext, live: LiveRun, outcome: RunOutcome): void {
  if (live.isOver || ctx.isClosing) return;
  live.finish({ ...live.record, ...outcome });
  leavePlace(ctx, live);
  if (live.tape.isInline) storeEnd(ctx, live, live.tape.keepInline());
  else
    inBackground(
      ctx,
      live.tape.keep(ctx.deps.hostId).then((output) => storeEnd(ctx, live, output)),
    );
}

function storeEnd(ctx: RunContext, live: LiveRun, output: StoredOutput): void {
  ctx.writer.save({ run: live.record, output, notification: draftOf(live.record, live.notify) }, (isStored) => {
    ctx.live.delete(live.record.id);
    if (isStored) ctx.deps.onEnded?.(live.record);
    if (live.record.ownsCapsule) inBackground(ctx, destroyOwn(ctx, live));
  });
}

/** What cannot be destroyed now, the sweep does. */
export async function destroyOwn(ctx: RunContext, { record }: LiveRun): Promise<void> {
  const { capsuleId, id } = record;
  if (capsuleId === null) return;
  try {
    await ctx.deps.capsules.destroy(principalOf(record), capsuleId);
  } catch (error) {
    ctx.deps.log.debug({ runId: id, capsuleId, error }, "a run's own capsule could not be destroyed; the sweep tries again");
  }
}
