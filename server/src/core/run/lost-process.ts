import type { RunReason } from "@capsuled/contract";
import type { LiveCapsule } from "../capsule/live.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import type { ProcessEnd } from "../ports/agent-link.ts";
import type { ProcessEndFacts } from "../process/record.ts";
import { conclude } from "./conclude.ts";
import type { RunContext } from "./context.ts";
import type { LiveRun } from "./live-run.ts";
import { lossWords, outcomeOf, outcomeOfFacts, withoutProcess } from "./outcome.ts";

/** Milliseconds that the end of a capsule may take to be stored, with the ends of its processes, and between two looks. */
const SETTLED_MS_MAX = 15_000;
const LOOK_MS = 100;
const LOG_MS_MAX = 10_000;

/** Ends a run whose process nobody can read any more: by what the store remembers of it, else by what became of its capsule. */
export async function concludeLost(ctx: RunContext, live: LiveRun): Promise<void> {
  const deadline = performance.now() + SETTLED_MS_MAX;
  let reason: RunReason = "agent_lost";
  try {
    for (;;) {
      if (live.isOver || ctx.isClosing) return;
      if (await concludeByStore(ctx, live)) return;
      const found = await lossOf(ctx, live.record.capsuleId);
      if (found !== null) {
        reason = found;
        break;
      }
      if (performance.now() >= deadline) break;
      await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } catch (error) {
    ctx.deps.log.warn({ runId: live.record.id, error }, "what became of a run's process could not be looked up");
  }
  concludeAs(ctx, live, reason);
}

/** Ends it with that reason, in words. */
export function concludeAs(ctx: RunContext, live: LiveRun, reason: RunReason): void {
  conclude(ctx, live, withoutProcess(printed(live), "error", reason, lossWords(reason), ctx.deps.clock.now()));
}

/** What it is known to have printed at least. */
function printed(live: LiveRun): { readonly stdoutBytes: number; readonly stderrBytes: number } {
  const { stdoutBytes, stderrBytes } = live.tape.printed;
  return { stdoutBytes: Math.max(stdoutBytes, live.record.stdoutBytes), stderrBytes: Math.max(stderrBytes, live.record.stderrBytes) };
}

/** Whether the store has the process's end; then it is the run's. Throws `StoreUnavailableError`. */
export async function concludeByStore(ctx: RunContext, live: LiveRun): Promise<boolean> {
  const { capsuleId, processId } = live.record;
  if (capsuleId === null) return false;
  const stored = await ctx.deps.processes.find(capsuleId, processId);
  if (stored === undefined || stored.end === null) return false;
  concludeByFacts(ctx, live, stored.startedAt, stored.end, stored.endedAt);
  return true;
}

function concludeByFacts(ctx: RunContext, live: LiveRun, startedAt: number, end: ProcessEndFacts, endedAt: number | null): void {
  live.record = { ...live.record, startedAt };
  const seen = { ...live.record, ...printed(live) };
  conclude(ctx, live, outcomeOfFacts(seen, end, endedAt ?? ctx.deps.clock.now(), live.plan?.timeoutSec ?? null));
}

/** Why a process in that capsule has no end of its own; `null` while its capsule still seems to run. */
async function lossOf(ctx: RunContext, capsuleId: string | null): Promise<RunReason | null> {
  const record = capsuleId === null ? undefined : await ctx.deps.capsuleStore.find(capsuleId);
  return record === undefined ? "capsule_destroyed" : reasonOf(record);
}

export function reasonOf(record: CapsuleRecord): RunReason | null {
  switch (record.state) {
    case "destroyed":
      return "capsule_destroyed";
    case "stopped":
    case "error":
      return record.reason === "host_restarted" ? "host_restarted" : record.reason === "stopped" ? "capsule_stopped" : "agent_lost";
    case "destroying":
    case "stopping":
    case "pending":
    case "starting":
    case "running":
    case "pausing":
    case "paused":
    case "resuming":
      return null;
  }
}

/** What an agent's log, and the store behind it, tell of a run's process. */
export type Trace = { readonly kind: "none" } | { readonly kind: "begun" } | { readonly kind: "ended" };

/**
 * Whether the run's process was ever started in this capsule, in this life of the server or an earlier one; one that has ended ends
 * the run. The log is read before the store is asked, so that what is imported in between is in one of them.
 */
export async function traceOf(ctx: RunContext, live: LiveRun, capsule: LiveCapsule): Promise<Trace> {
  const row = await ctx.deps.capsuleStore.find(capsule.record.id);
  const found = await inLog(capsule, row?.logCursor ?? 1, live.record.processId);
  if (found?.end !== null && found?.end !== undefined) {
    live.record = { ...live.record, startedAt: found.startedAt };
    conclude(ctx, live, outcomeOf(found.end, live.plan?.timeoutSec ?? null));
    return { kind: "ended" };
  }
  if (await concludeByStore(ctx, live)) return { kind: "ended" };
  const stored = await ctx.deps.processes.find(capsule.record.id, live.record.processId);
  return { kind: found !== null || stored !== undefined ? "begun" : "none" };
}

async function inLog(
  capsule: LiveCapsule,
  from: number,
  processId: string,
): Promise<{ readonly startedAt: number; readonly end: ProcessEnd | null } | null> {
  let found: { startedAt: number; end: ProcessEnd | null } | null = null;
  const feed = capsule.link.log(from, false, ({ process, end }) => {
    if (process.id === processId) found = { startedAt: process.startedAt, end: end ?? found?.end ?? null };
  });
  const timer = setTimeout(() => feed.close(), LOG_MS_MAX);
  try {
    await Promise.race([feed.done, new Promise<void>((resolve) => setTimeout(resolve, LOG_MS_MAX).unref())]);
  } finally {
    clearTimeout(timer);
    feed.close();
  }
  return found;
}
