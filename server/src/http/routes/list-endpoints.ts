import { json } from "../answer.ts";
import { renderEndpoint } from "../render/endpoint.ts";
import { route } from "../route.ts";

export const listEndpoints = route("listEndpoints", async ({ caller, query }, deps) => {
  const { items, nextCursor } = await deps.endpoints.list(caller, query.limit, query.cursor ?? null);
  return json(200, { items: await Promise.all(items.map((record) => renderEndpoint(record, caller, deps))), next_cursor: nextCursor });
});
