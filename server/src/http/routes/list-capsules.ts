import { invalid } from "../../core/fail.ts";
import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

const METADATA = "metadata.";

/** A plain array, or a page once `limit` or `cursor` is given. */
export const listCapsules = route("listCapsules", async ({ caller, query }, { capsules }) => {
  const isPlain = query.limit === undefined && query.cursor === undefined;
  const { items, nextCursor } = await capsules.list(caller, {
    status: query.status ?? null,
    metadata: metadataFilter(query),
    limit: query.limit ?? null,
    cursor: query.cursor ?? null,
  });
  const rendered = items.map(renderCapsule);
  if (isPlain) return json(200, rendered, nextCursor === null ? null : { "x-truncated": "true" });
  return json(200, { items: rendered, next_cursor: nextCursor });
});

function metadataFilter(query: Readonly<Record<string, unknown>>): Record<string, string> {
  const filter: [string, string][] = [];
  for (const [name, value] of Object.entries(query)) {
    if (!name.startsWith(METADATA)) continue;
    if (typeof value !== "string") throw invalid(name, "must be given once");
    if (name.length === METADATA.length) throw invalid(name, "names no key");
    filter.push([name.slice(METADATA.length), value]);
  }
  return Object.fromEntries(filter);
}
