import type { LiveCapsule } from "../capsule/live.ts";
import type { ProcessStream, StartSpec } from "../ports/agent-link.ts";
import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import type { RunAs } from "../process/run-as.ts";
import { environment, placed, runAs } from "../process/run-as.ts";
import { startSpec } from "../process/spec.ts";
import { liveBound, runningBound } from "./bound-capsule.ts";
import { conclude, destroyOwn } from "./conclude.ts";
import type { RunContext } from "./context.ts";
import { ENDPOINT_ACTOR } from "./context.ts";
import { followProcess } from "./follow-process.ts";
import { freshCapsule } from "./fresh-capsule.ts";
import type { LiveRun } from "./live-run.ts";
import { concludeUnstarted } from "./not-started.ts";
import { cancelledUnbegun } from "./outcome.ts";
import type { RunPlan } from "./plan.ts";
import { feedOf } from "./stdin-feed.ts";

/** Tries at a start whose answer was lost, where a repeat starts nothing twice. */
const START_TRIES = 3;

/** Brings a run to its process and follows that to its end. Never rejects: what goes wrong is the run's end. */
export async function driveRun(ctx: RunContext, live: LiveRun): Promise<void> {
  const { plan } = live;
  if (plan === null) throw new Error("a run without a plan cannot be started");
  try {
    const capsule = capsuleFor(ctx, live, plan);
    await begin(ctx, live, plan, capsule instanceof Promise ? await capsule : capsule);
  } catch (error) {
    concludeUnstarted(ctx, live, plan, error);
  }
  // Its end came while its capsule was still being made.
  if (live.isOver && live.record.ownsCapsule && live.record.startedAt === null) await destroyOwn(ctx, live);
}

function capsuleFor(ctx: RunContext, live: LiveRun, { place }: RunPlan): LiveCapsule | Promise<LiveCapsule> {
  if (place.kind === "fresh") return intended(ctx, live).then(() => freshCapsule(ctx, live, place));
  return liveBound(ctx, live.record.teamId, place.capsule) ?? runningBound(ctx, live.record, place.capsule);
}

/** No capsule is made for a run that a restarted server would not know of. */
async function intended(ctx: RunContext, live: LiveRun): Promise<void> {
  if (!live.isDurable) await ctx.writer.insert(live.record, null);
}

async function begin(ctx: RunContext, live: LiveRun, plan: RunPlan, capsule: LiveCapsule): Promise<void> {
  if (live.isOver || ctx.isClosing) return;
  if (live.cancelled !== null) return conclude(ctx, live, cancelledUnbegun(live.record, live.cancelled, ctx.deps.clock.now()));
  const now = ctx.deps.clock.now();
  capsule.touch(now);
  live.record = { ...live.record, capsuleId: capsule.record.id };
  const asked = runAs(ctx.deps, capsule, live.record.keyId ?? ENDPOINT_ACTOR);
  const as = asked instanceof Promise ? await asked : asked;
  const { stream, isNew } = await opened(live, capsule, specOf(live, plan, capsule, as));
  // Its end was told while it was being started: nothing of it goes on.
  if (live.isOver) return endUnwanted(stream);
  if (ctx.isClosing) return stream.close();
  live.record = { ...live.record, startedAt: stream.started.startedAt };
  followProcess(ctx, live, capsule, stream, feedOf(stream, plan.stdin, isNew && stream.started.repeated !== true));
}

function endUnwanted(stream: ProcessStream): void {
  stream.onEvent(() => {});
  stream.cancel("stopped", 0);
}

function specOf(live: LiveRun, plan: RunPlan, capsule: LiveCapsule, as: RunAs): StartSpec {
  const durable = live.isDurable;
  const command = { cmd: plan.cmd, args: plan.args, envs: plan.env, cwd: plan.cwd ?? undefined };
  return startSpec(placed(command, as), environment(as, capsule.envs), {
    ...as.mode,
    id: live.record.processId,
    tag: "",
    stdin: plan.stdin !== null,
    // One that is never started again leaves no trace in the agent's log and on its disk, as a plain exec does.
    foreground: !durable,
    busy: true,
    timeoutSec: plan.timeoutSec,
    onDisconnect: "continue",
    by: live.record.keyId ?? ENDPOINT_ACTOR,
    ...(durable && { key: live.record.id }),
  });
}

/** Starts it, or where the answer was lost looks for what was started. */
async function opened(
  live: LiveRun,
  capsule: LiveCapsule,
  spec: StartSpec,
): Promise<{ readonly stream: ProcessStream; readonly isNew: boolean }> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { stream: await capsule.link.open(spec), isNew: true };
    } catch (error) {
      if (!(error instanceof AgentLostError) || tries === START_TRIES) throw error;
      if (spec.key === undefined) return { stream: await foundAgain(live, capsule, error), isNew: false };
    }
  }
}

async function foundAgain({ record }: LiveRun, capsule: LiveCapsule, lost: AgentLostError): Promise<ProcessStream> {
  try {
    return await capsule.link.attach(record.processId, "start");
  } catch (error) {
    if (error instanceof AgentRefusal && error.code === "not_found") throw lost;
    throw error;
  }
}
