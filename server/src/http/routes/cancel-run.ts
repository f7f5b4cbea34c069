import { json } from "../answer.ts";
import { renderRun } from "../render/run.ts";
import { route } from "../route.ts";

export const cancelRun = route("cancelRun", async ({ caller, params }, { runs, notifications }) => {
  const run = await runs.cancel(caller, params.id, caller.keyId);
  const sent = await notifications.find([run.id]);
  return json(200, renderRun(run, sent.get(run.id) ?? null));
});
