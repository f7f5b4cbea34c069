import { json } from "../answer.ts";
import { headOf } from "../calls/output-so-far.ts";
import { renderOutput } from "../calls/call-result.ts";
import { renderRun } from "../render/run.ts";
import { route } from "../route.ts";

/** Bytes of output beside the run's facts. */
export const HEAD_BYTES_MAX = 64 * 1024;

export const getRun = route("getRun", async ({ caller, params }, { runs, notifications }) => {
  const handle = await runs.get(caller, params.id);
  const [head, sent] = await Promise.all([headOf(handle, HEAD_BYTES_MAX), notifications.find([handle.run.id])]);
  const { run } = handle;
  const shown = head === null ? null : renderOutput(head);
  return json(200, {
    ...renderRun(run, sent.get(run.id) ?? null),
    output: shown?.output ?? null,
    output_encoding: shown?.output_encoding ?? "utf-8",
    output_truncated: shown?.output_truncated ?? false,
  });
});
