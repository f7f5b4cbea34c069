import { json } from "../answer.ts";
import { renderRun } from "../render/run.ts";
import { route } from "../route.ts";

export const listRuns = route("listRuns", async ({ caller, query }, { runs, notifications }) => {
  const { endpoint = null, status = null, source = null, cursor = null, limit } = query;
  const { items, nextCursor } = await runs.list(caller, { endpoint, status, source, cursor, limit });
  const sent = await notifications.find(items.map(({ id }) => id));
  return json(200, { items: items.map((run) => renderRun(run, sent.get(run.id) ?? null)), next_cursor: nextCursor });
});
