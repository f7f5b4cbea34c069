import { beginWhenReady, takePlace } from "./begin.ts";
import type { RunContext } from "./context.ts";
import { newLiveRun } from "./context.ts";
import type { LiveRun } from "./live-run.ts";
import { concludeAs } from "./lost-process.ts";
import { continueRun } from "./continue-run.ts";
import type { RunPlan } from "./plan.ts";
import { notifyOf, openPlan } from "./plan.ts";
import type { RunRecord } from "./record.ts";

/** Runs that are looked after at once. */
const AT_ONCE = 32;

/**
 * Goes on with every run that an earlier life of this server left open; to be called once capsules are recovered and before the first
 * `start`. Resolves when each is in hand; their ends come later. Returns how many there were. Throws `StoreUnavailableError`.
 */
export async function recoverRuns(ctx: RunContext): Promise<number> {
  await ctx.deps.files.removeUnfinished();
  const inHand: LiveRun[] = [];
  for (const record of await ctx.deps.store.listOpen(ctx.deps.hostId)) inHand.push(await takeInHand(ctx, record));
  // Told apart before any of them goes on.
  const following = inHand.filter(isUnderWay);
  const waiting = inHand.filter((live) => !isUnderWay(live));
  for (const live of waiting) queueAgain(ctx, live);
  const worker = async (): Promise<void> => {
    for (let live = following.shift(); live !== undefined; live = following.shift()) await goOn(ctx, live);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, following.length) }, worker));
  return inHand.length;
}

/** Whether it may have a process, or waited for a caller who went with the server. */
function isUnderWay({ plan, record }: LiveRun): boolean {
  return plan === null || record.status === "running";
}

async function takeInHand(ctx: RunContext, record: RunRecord): Promise<LiveRun> {
  const live = newLiveRun(ctx, record, await storedPlan(ctx, record));
  live.isContinued = true;
  live.isDurable = live.plan !== null;
  live.isCommitted = true;
  if (live.plan === null) {
    const endpoint = await ctx.deps.endpoints.get(record.endpointId);
    live.notify = endpoint === undefined ? null : notifyOf(endpoint);
  }
  return live;
}

async function storedPlan(ctx: RunContext, record: RunRecord): Promise<RunPlan | null> {
  if (record.dedupe === null && record.deadlineAt === null) return null;
  const input = await ctx.deps.store.input(record.id);
  if (input === undefined) return null;
  try {
    return openPlan(ctx.deps.sealer, record.id, input);
  } catch (error) {
    ctx.deps.log.error({ runId: record.id, error }, "what a run needs to start cannot be read; it ends without having begun");
    return null;
  }
}

/** It waited, and waits on; those that came first are first again. */
function queueAgain(ctx: RunContext, live: LiveRun): void {
  takePlace(ctx, live, true);
  beginWhenReady(ctx, live);
}

/** It was under way, whatever the endpoint's bound is now. */
async function goOn(ctx: RunContext, live: LiveRun): Promise<void> {
  const { record, plan } = live;
  live.hasBegun = true;
  live.hasTurn = true;
  if (plan !== null && plan.maxConcurrency !== null) {
    ctx.queue.resume(record.endpointId, plan.maxConcurrency);
    live.ticket = { endpointId: record.endpointId, go: () => {} };
  }
  // The caller of one that waits without a plan went with the server.
  if (plan === null && record.status === "queued") return concludeAs(ctx, live, "server_lost");
  await continueRun(ctx, live);
}
