import { RUN_ID } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import { AwaitedRun } from "./awaited-run.ts";
import type { RunContext } from "./context.ts";
import type { RunRecord } from "./record.ts";
import { isEnded } from "./record.ts";
import { PackedReader } from "./run-reader.ts";
import type { RunHandle } from "./service.ts";
import { storedDeps } from "./stored-deps.ts";
import { StoredSource } from "./stored-source.ts";

/** A run of the caller's team. Throws `not_found`. */
export async function getRun(ctx: RunContext, principal: Principal, id: string): Promise<RunHandle> {
  const handle = await findRun(ctx, id);
  if (handle === undefined || handle.run.teamId !== principal.teamId) throw fail("not_found", "There is no run with this id.");
  return handle;
}

/** A run by its id, in hand or stored; `undefined` for a malformed id too. */
export async function findRun(ctx: RunContext, id: string): Promise<RunHandle | undefined> {
  const live = ctx.live.get(id);
  if (live !== undefined) return live.handle(false);
  if (!RUN_ID.test(id)) return undefined;
  const run = await ctx.deps.store.find(id);
  return run === undefined ? undefined : handleOf(ctx, run);
}

/** A run by its row: the one in hand where it is this server's, else what is stored of it, now or once another server has ended it. */
export async function handleOf(ctx: RunContext, run: RunRecord): Promise<RunHandle> {
  const live = ctx.live.get(run.id);
  if (live !== undefined) return live.handle(false);
  // What came to its end between the two looks is stored.
  const newest = isEnded(run.status) ? run : ((await ctx.deps.store.find(run.id)) ?? run);
  if (!isEnded(newest.status)) return new AwaitedRun(ctx, newest);
  const output = await ctx.deps.store.output(run.id);
  return {
    run: newest,
    isNew: false,
    isCounted: true,
    ended: Promise.resolve(newest),
    read: (from, isLent) => new PackedReader(new StoredSource(storedDeps(ctx, run.id), newest, output), from, isLent),
  };
}
