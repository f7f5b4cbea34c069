import { fail } from "../../core/fail.ts";
import { text } from "../answer.ts";
import { badgeSvg, endpointBadge } from "../render/badge.ts";
import { route } from "../route.ts";

export const getEndpointBadge = route("getEndpointBadge", async ({ params }, { endpoints, runs }) => {
  const published = await endpoints.findPublished(params.owner, params.name);
  if (published?.endpoint.definition.public !== true) throw fail("not_found", "There is no such badge.");
  const latest = await runs.latest(published.endpoint.id);
  return text("image/svg+xml; charset=utf-8", badgeSvg(endpointBadge(published.endpoint.name, latest)));
});
