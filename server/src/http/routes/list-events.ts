import { json } from "../answer.ts";
import { renderEvent } from "../render/event.ts";
import { route } from "../route.ts";

export const listEvents = route("listEvents", async ({ caller, query }, { events }) => {
  const { items, nextCursor } = await events.list(caller, {
    capsule: query.capsule ?? null,
    type: query.type ?? null,
    since: query.since ?? null,
    order: query.order,
    limit: query.limit,
    cursor: query.cursor ?? null,
  });
  return json(200, { items: items.map(renderEvent), next_cursor: nextCursor === null ? null : String(nextCursor) });
});
