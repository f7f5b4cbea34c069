import { createBoundedCache } from "../../lib/bounded-cache.ts";
import { abandonRun, cancelRun } from "./cancel-run.ts";
import { collectOutput } from "./collect-output.ts";
import type { RunContext } from "./context.ts";
import type { RunDeps } from "./deps.ts";
import { findRun, getRun } from "./find-run.ts";
import { recoverRuns } from "./recover-runs.ts";
import { RunQueue } from "./run-queue.ts";
import { RunWriter } from "./run-writer.ts";
import type { RunService } from "./service.ts";
import { startRun } from "./start-run.ts";
import { sweepCapsules } from "./sweep-capsules.ts";

/** Ended runs whose readers' ways are remembered. */
const MARKED_RUNS_MAX = 200;
/** Milliseconds between two sweeps. */
export const SWEEP_MS = 30_000;

/** The use cases of runs, and what the server does for them by itself. */
export interface Runs extends RunService {
  /** Goes on with what an earlier life of this server left; once capsules are recovered, before the first `start`. Returns how many runs. */
  recover(): Promise<number>;
  /** Destroys capsules that ended runs have left; every `SWEEP_MS`. */
  sweep(): Promise<number>;
  /** Stores what waits to be stored, and waits for what follows from it: kept outputs, destroyed capsules. */
  settle(): Promise<void>;
  /** Takes no more runs and stores what waits; runs under way go on without this server. Before the links to capsules are closed, and the database. */
  close(): Promise<void>;
  /** Runs in hand. */
  readonly size: number;
}

/** The use cases of runs over one set of dependencies. */
export function createRunService(deps: RunDeps): Runs {
  const ctx: RunContext = {
    deps,
    writer: new RunWriter(deps.store, deps.log),
    queue: new RunQueue(),
    live: new Map(),
    awaited: new Map(),
    bound: new Map(),
    marks: createBoundedCache({ entriesMax: MARKED_RUNS_MAX }),
    work: new Set(),
    isClosing: false,
  };
  return {
    start: (request) => startRun(ctx, request),
    get: (principal, id) => getRun(ctx, principal, id),
    async find(endpointId, id) {
      const handle = await findRun(ctx, id);
      return handle?.run.endpointId === endpointId ? handle : undefined;
    },
    async list(principal, filter) {
      // Who has just called finds the run in the list.
      await ctx.writer.flush();
      return deps.store.list(principal.teamId, filter);
    },
    cancel: (principal, id, by) => cancelRun(ctx, principal, id, by),
    abandon: (id) => abandonRun(ctx, id),
    collect: (handle, part, bytesMax) => collectOutput(handle, part, bytesMax),
    latest: (endpointId) => deps.store.latestEnded(endpointId),
    recover: () => recoverRuns(ctx),
    sweep: () => sweepCapsules(ctx),
    async settle() {
      do {
        await Promise.all(ctx.work);
        await ctx.writer.flush();
      } while (ctx.work.size > 0);
    },
    async close() {
      ctx.isClosing = true;
      for (const live of ctx.live.values()) {
        if (live.timer !== null) clearTimeout(live.timer);
        live.timer = null;
        live.stream?.close();
      }
      await ctx.writer.close();
    },
    get size() {
      return ctx.live.size;
    },
  };
}
