import { CAPSULE_ID } from "@capsuled/contract";
import { stateRefused } from "../capsule/change-state.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import { CapsuledError, fail } from "../fail.ts";
import type { RunContext } from "./context.ts";
import { principalOf } from "./context.ts";
import type { RunRecord } from "./record.ts";

/** Milliseconds for which a run waits for its capsule to be resumed, booted, or taken over after a restart. */
const READY_MS_MAX = 20_000;
const LOOK_MS = 50;
/** Words for capsules that are remembered. */
const BINDINGS_MAX = 10_000;

/** The running capsule that `word` (an id or a name) means in a team, from memory; `undefined` when the store must be asked. */
export function liveBound(ctx: RunContext, teamId: string, word: string): LiveCapsule | undefined {
  const held = ctx.deps.live.get(word) ?? ctx.deps.live.get(ctx.bound.get(`${teamId}/${word}`) ?? "");
  if (held === undefined || held.record.teamId !== teamId || held.record.state !== "running") return undefined;
  return held.record.id === word || held.record.name === word ? held : undefined;
}

/** Whether an endpoint's capsule may be run in, now or once it is resumed: no promise where it is known at once. Throws `capsule_gone` and `invalid_state`. */
export function bindingOf(ctx: RunContext, teamId: string, word: string): Promise<void> | null {
  return liveBound(ctx, teamId, word) === undefined ? look(ctx, teamId, word).then(() => {}) : null;
}

/** The capsule's row. Throws `capsule_gone`, and `invalid_state` for one that does not come up by itself. */
async function look(ctx: RunContext, teamId: string, word: string): Promise<CapsuleRecord> {
  const record = await findBound(ctx, teamId, word);
  switch (record?.state) {
    case undefined:
    case "destroying":
    case "destroyed":
      throw fail("capsule_gone", `The endpoint's capsule ${JSON.stringify(word)} does not exist any more.`, { details: { capsule: word } });
    case "stopping":
    case "stopped":
    case "error":
      throw stateRefused("invalid_state", record, "running the endpoint in it");
    case "pending":
    case "starting":
    case "running":
    case "pausing":
    case "paused":
    case "resuming":
      return record;
  }
}

/** A team's capsule by id, else by name, in whatever state. */
export async function findBound(ctx: RunContext, teamId: string, word: string): Promise<CapsuleRecord | undefined> {
  const byId = CAPSULE_ID.test(word) ? await ctx.deps.capsuleStore.find(word) : undefined;
  const record = byId?.teamId === teamId ? byId : await ctx.deps.capsuleStore.findNamed(teamId, word);
  if (record !== undefined) {
    if (ctx.bound.size >= BINDINGS_MAX) ctx.bound.clear();
    ctx.bound.set(`${teamId}/${word}`, record.id);
  }
  return record;
}

/** The endpoint's capsule, running: a paused one is resumed. Throws `capsule_gone`, `invalid_state`, `unavailable`. */
export async function runningBound(ctx: RunContext, run: RunRecord, word: string): Promise<LiveCapsule> {
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    const record = await look(ctx, run.teamId, word);
    const held = liveBound(ctx, run.teamId, word);
    if (held !== undefined) return held;
    if (record.hostId !== ctx.deps.hostId) throw fail("unavailable", "The endpoint's capsule is another server's.");
    if (record.state === "paused") await resume(ctx, run, record.id);
    else if (performance.now() >= deadline) throw fail("unavailable", "The endpoint's capsule did not come up in time; try again.");
    else await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Two that resume at once: what matters is that it runs. */
async function resume(ctx: RunContext, run: RunRecord, id: string): Promise<void> {
  try {
    await ctx.deps.capsules.resume(principalOf(run), id, READY_MS_MAX);
  } catch (error) {
    if (!(error instanceof CapsuledError) || error.code !== "invalid_state") throw error;
  }
}
