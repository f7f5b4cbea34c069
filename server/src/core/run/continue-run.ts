import type { LiveCapsule } from "../capsule/live.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import { findBound } from "./bound-capsule.ts";
import type { RunContext } from "./context.ts";
import { driveRun } from "./drive-run.ts";
import { followProcess } from "./follow-process.ts";
import type { LiveRun } from "./live-run.ts";
import { feedOf } from "./stdin-feed.ts";
import { concludeAs, concludeByStore, concludeLost, reasonOf, traceOf } from "./lost-process.ts";

/**
 * Goes on with a run that an earlier life of the server left: follows its process where the agent knows it, ends it where its end is
 * known, starts it where it was never started and its plan is stored. Never rejects.
 */
export async function continueRun(ctx: RunContext, live: LiveRun): Promise<void> {
  try {
    const capsuleId = await capsuleIdOf(ctx, live);
    if (capsuleId !== null) live.record = { ...live.record, capsuleId };
    const capsule = capsuleId === null ? undefined : ctx.deps.live.get(capsuleId);
    if (capsule === undefined ? await isSettledByStore(ctx, live) : await isFound(ctx, live, capsule)) return;
  } catch (error) {
    ctx.deps.log.error({ runId: live.record.id, error }, "a run of an earlier life of the server could not be gone on with");
    return concludeAs(ctx, live, "server_lost");
  }
  if (ctx.isClosing || live.isOver) return;
  if (live.plan === null) return concludeAs(ctx, live, "server_lost");
  await driveRun(ctx, live);
}

async function capsuleIdOf(ctx: RunContext, { record, plan }: LiveRun): Promise<string | null> {
  if (record.capsuleId !== null) return record.capsuleId;
  if (plan === null || plan.place.kind === "fresh") return null;
  return (await findBound(ctx, record.teamId, plan.place.capsule))?.id ?? null;
}

/** Whether the agent knows the process, or its log tells of its end. */
async function isFound(ctx: RunContext, live: LiveRun, capsule: LiveCapsule): Promise<boolean> {
  try {
    const stream = await capsule.link.attach(live.record.processId, "start");
    live.record = { ...live.record, startedAt: stream.started.startedAt };
    followProcess(ctx, live, capsule, stream, feedOf(stream, live.plan?.stdin, false));
    return true;
  } catch (error) {
    if (!(error instanceof AgentRefusal) || error.code !== "not_found") throw error;
  }
  const trace = await traceOf(ctx, live, capsule);
  if (trace.kind === "begun") await concludeLost(ctx, live);
  return trace.kind !== "none";
}

/** Whether the store tells of the process's end, or of its capsule's while nobody can start it anew. */
async function isSettledByStore(ctx: RunContext, live: LiveRun): Promise<boolean> {
  if (await concludeByStore(ctx, live)) return true;
  if (live.plan !== null || live.record.capsuleId === null) return false;
  const record = await ctx.deps.capsuleStore.find(live.record.capsuleId);
  const reason = record === undefined || live.record.startedAt === null ? null : reasonOf(record);
  if (reason === null) return false;
  concludeAs(ctx, live, reason);
  return true;
}
