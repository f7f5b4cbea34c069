import type { Principal } from "../access/principal.ts";
import type { BoundedCache } from "../../lib/bounded-cache.ts";
import type { PackedMarks } from "./packed-marks.ts";
import type { EndWatch } from "./awaited-run.ts";
import type { RunDeps } from "./deps.ts";
import { LiveRun } from "./live-run.ts";
import type { RunPlan } from "./plan.ts";
import type { RunRecord } from "./record.ts";
import type { RunQueue } from "./run-queue.ts";
import { RunTape } from "./run-tape.ts";
import type { RunWriter } from "./run-writer.ts";

/** What the use cases of runs share: the runs that this server has in hand. */
export interface RunContext {
  readonly deps: RunDeps;
  readonly writer: RunWriter;
  readonly queue: RunQueue;
  /** By id. */
  readonly live: Map<string, LiveRun>;
  /** Those that others have in hand and somebody here waits for, by id. */
  readonly awaited: Map<string, EndWatch>;
  /** The capsule that an endpoint's word for it was found to mean, by team and word: a hint, checked at each use. */
  readonly bound: Map<string, string>;
  /** Where earlier readers of ended runs have come by, by the run's id. */
  readonly marks: BoundedCache<PackedMarks>;
  /** Work that nobody waits for: ends that are kept and stored, capsules that are destroyed. */
  readonly work: Set<Promise<void>>;
  /** The server ends: runs go on without it, and nothing that breaks off now is an end. */
  isClosing: boolean;
}

/** Who acts where no key does. */
export const ENDPOINT_ACTOR = "endpoint";

export function newLiveRun(ctx: RunContext, record: RunRecord, plan: RunPlan | null): LiveRun {
  const { files, log } = ctx.deps;
  const tape = new RunTape(files, record.id, {
    onFileFailure: (error) => log.warn({ runId: record.id, error }, "a run's output cannot be kept in its file"),
  });
  const live = new LiveRun(record, plan, tape);
  ctx.live.set(record.id, live);
  return live;
}

/** Does what nobody waits for; it must not reject. */
export function inBackground(ctx: RunContext, work: Promise<void>): void {
  ctx.work.add(work);
  void work.finally(() => ctx.work.delete(work));
}

/** In whose name a run deals with capsules. */
export function principalOf(record: RunRecord): Principal {
  return { keyId: record.keyId ?? ENDPOINT_ACTOR, teamId: record.teamId, role: "member", isFirstTeam: false };
}
