import { fail } from "../fail.ts";
import { bindingOf } from "./bound-capsule.ts";
import { beginWhenReady, forgetUnstarted, takePlace } from "./begin.ts";
import type { RunContext } from "./context.ts";
import { newLiveRun } from "./context.ts";
import { handleOf } from "./find-run.ts";
import type { RunPlan } from "./plan.ts";
import { planOf, queueMs, sealPlan } from "./plan.ts";
import type { RunRecord } from "./record.ts";
import type { RunHandle, RunRequest } from "./service.ts";

/** Milliseconds that a run nobody waits for may wait for its turn. */
export const ASYNC_QUEUE_MS_MAX = 24 * 3600 * 1000;
const NO_ENVS: Readonly<Record<string, string>> = {};

/** Starts a run. The hot path (a bound capsule that runs, a caller who waits, no name) waits for nothing. */
export async function startRun(ctx: RunContext, request: RunRequest): Promise<RunHandle> {
  if (ctx.isClosing) throw fail("shutting_down");
  const { endpoint, dedupe } = request;
  if (dedupe !== null) {
    const holder = await ctx.deps.store.findByDedupe(endpoint.id, dedupe.name);
    if (holder !== undefined) return repeatOf(ctx, request, holder);
  }
  const plan = planOf(request, endpoint.sealed === null ? NO_ENVS : ctx.deps.secretsOf(endpoint).envs);
  if (plan.place.kind === "bound") {
    const binding = bindingOf(ctx, endpoint.teamId, plan.place.capsule);
    if (binding instanceof Promise) await binding;
  }
  const live = newLiveRun(ctx, newRecord(ctx, request, plan), plan);
  try {
    takePlace(ctx, live);
  } catch (error) {
    ctx.live.delete(live.record.id);
    throw error;
  }
  live.isDurable = request.mode === "async" || dedupe !== null;
  if (live.isDurable) {
    const holder = await commit(ctx, live, plan);
    if (holder !== undefined) return repeatOf(ctx, request, holder);
  }
  live.isCommitted = true;
  beginWhenReady(ctx, live);
  return live.handle(true);
}

/** Stores the intent. The run that has its name already, if there is one: then this one is forgotten. Throws `StoreUnavailableError`. */
async function commit(ctx: RunContext, live: ReturnType<typeof newLiveRun>, plan: RunPlan): Promise<RunRecord | undefined> {
  try {
    const holder = await ctx.writer.insert(live.record, sealPlan(ctx.deps.sealer, live.record.id, plan));
    if (holder !== undefined) forgetUnstarted(ctx, live);
    return holder;
  } catch (error) {
    forgetUnstarted(ctx, live);
    throw error;
  }
}

async function repeatOf(ctx: RunContext, { dedupe, keyId }: RunRequest, holder: RunRecord): Promise<RunHandle> {
  if (holder.fingerprint !== null && dedupe !== null && holder.fingerprint !== dedupe.fingerprint) {
    // Callers without a key are told apart by their address only, and whoever knows a run's id may read it.
    throw fail("idempotency_conflict", undefined, keyId === null ? {} : { details: { run_id: holder.id } });
  }
  return handleOf(ctx, holder);
}

function newRecord(ctx: RunContext, request: RunRequest, plan: RunPlan): RunRecord {
  const { deps } = ctx;
  const { endpoint, dedupe } = request;
  const now = deps.clock.now();
  const isFresh = plan.place.kind === "fresh";
  return {
    id: deps.ids.next("run"),
    teamId: endpoint.teamId,
    endpointId: endpoint.id,
    endpointName: endpoint.name,
    status: "queued",
    reason: null,
    error: null,
    exitCode: null,
    signal: null,
    source: request.source,
    keyId: request.keyId,
    args: endpoint.definition.sensitive ? null : request.args,
    dedupe: dedupe?.name ?? null,
    fingerprint: dedupe?.fingerprint ?? null,
    createdAt: now,
    startedAt: null,
    endedAt: null,
    durationMs: null,
    stdoutBytes: 0,
    stderrBytes: 0,
    hostId: deps.hostId,
    capsuleId: isFresh ? deps.ids.next("cl") : null,
    ownsCapsule: isFresh,
    processId: deps.ids.next("pr"),
    deadlineAt: deadlineOf(request, plan, now),
  };
}

function deadlineOf(request: RunRequest, plan: RunPlan, now: number): number | null {
  if (request.mode === "async") return now + ASYNC_QUEUE_MS_MAX;
  return plan.maxConcurrency === null ? null : now + queueMs(plan);
}
