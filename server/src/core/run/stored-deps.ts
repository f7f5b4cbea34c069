import type { RunContext } from "./context.ts";
import { PackedMarks } from "./packed-marks.ts";
import type { StoredSourceDeps } from "./stored-source.ts";

/** What reading a run's kept output takes. */
export function storedDeps(ctx: RunContext, runId: string): StoredSourceDeps {
  const { files, hostId, log } = ctx.deps;
  const marks = ctx.marks.get(runId) ?? new PackedMarks();
  ctx.marks.set(runId, marks);
  return { files, hostId, marks, onFileFailure: (error) => log.warn({ runId, error }, "a run's kept output cannot be read") };
}
