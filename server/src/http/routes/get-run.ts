import type { RunRecord } from "../../core/run/record.ts";
import { isEnded } from "../../core/run/record.ts";
import type { RunHandle } from "../../core/run/service.ts";
import { json } from "../answer.ts";
import { headOf } from "../calls/output-so-far.ts";
import { renderOutput } from "../calls/call-result.ts";
import { renderRun } from "../render/run.ts";
import { route } from "../route.ts";

/** Bytes of output beside the run's facts. */
export const HEAD_BYTES_MAX = 64 * 1024;

export const getRun = route("getRun", async ({ caller, params }, { runs, notifications }) => {
  const handle = await runs.get(caller, params.id);
  const [{ head, run }, sent] = await Promise.all([shownOf(handle), notifications.find([handle.run.id])]);
  const shown = head === null ? null : renderOutput(head);
  return json(200, {
    ...renderRun(run, sent.get(run.id) ?? null),
    output: shown?.output ?? null,
    output_encoding: shown?.output_encoding ?? "utf-8",
    output_truncated: shown?.output_truncated ?? false,
  });
});

/** The facts and the output of one moment: a run that is told to have ended is shown with all that it printed. */
async function shownOf(handle: RunHandle): Promise<{ readonly head: Awaited<ReturnType<typeof headOf>>; readonly run: RunRecord }> {
  const wasEnded = isEnded(handle.run.status);
  const head = await headOf(handle, HEAD_BYTES_MAX);
  const { run } = handle;
  // It may have printed more before it ended meanwhile.
  return wasEnded || !isEnded(run.status) ? { head, run } : { head: await headOf(handle, HEAD_BYTES_MAX), run };
}
