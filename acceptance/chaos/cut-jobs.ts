import type { Job } from "./job.ts";
import { processOf } from "./job.ts";
import { plannedEnd } from "./producer.ts";
import { Reader } from "./reader.ts";
import type { Doom, World } from "./world.ts";
import { DOOMS } from "./world.ts";

/**
 * Judges the jobs whose capsule ended under them. Every process whose start was acknowledged has an end with a reason: its own, or
 * the capsule's. Where the end tells of bytes, it tells of at least those that were shown.
 */
export async function judgeCutJobs(world: World, capsuleId: string, jobs: readonly Job[], doom: Doom): Promise<void> {
  const capsuleReason = DOOMS[doom];
  for (const { id, plan, hasEnded, killAsked, shown } of jobs) {
    if (id === null || hasEnded) continue;
    world.ledger.exits.expected += 1;
    const facts = await processOf(world, plan.key, capsuleId, id);
    const allowed = [capsuleReason, plannedEnd(plan.end).reason, ...(killAsked ? ["killed", "signaled"] : [])];
    const known = world.known.byId.get(id);
    if (facts?.reason === undefined || facts.reason === null || !allowed.includes(facts.reason)) {
      world.ledger.exits.wrong += 1;
      world.ledger.find(plan.key, "a process has no right end after its capsule's", { id, doom, facts });
      continue;
    }
    if (known !== undefined) known.end = { reason: facts.reason, exitCode: facts.exit_code };
    for (const stream of ["stdout", "stderr"] as const) {
      const told = facts[`${stream}_bytes`];
      if (told === null || told >= shown[stream]) continue;
      world.ledger.bytes.lost += shown[stream] - told;
      world.ledger.find(plan.key, "an end tells of fewer bytes than were shown", { stream, told, shown: shown[stream] });
    }
  }
}

/** Reads a job from its start in the next life of its capsule: at least what was shown is there, byte for byte, and an end. */
export async function readAgain(world: World, capsuleId: string, job: Job): Promise<void> {
  const { id, plan, shown } = job;
  if (id === null) return;
  const reader = new Reader({
    world,
    who: `${plan.key}/again`,
    capsuleId,
    fate: { doom: null, isOver: false },
    job: plan,
    plan: { encoding: "base64", cuts: [], stalls: [] },
    selector: id,
    from: "start",
    at: { stdout: 0, stderr: 0 },
    leavesAfter: null,
    startsAs: null,
  });
  const end = await reader.run();
  for (const stream of ["stdout", "stderr"] as const) {
    const missing = shown[stream] - reader.checks[stream].seen;
    if (missing <= 0) continue;
    world.ledger.bytes.lost += missing;
    world.ledger.find(plan.key, "what was shown is not there any more", { stream, shown: shown[stream], missing, end });
  }
}
