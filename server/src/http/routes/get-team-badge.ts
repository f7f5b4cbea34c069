import { fail } from "../../core/fail.ts";
import { text } from "../answer.ts";
import { badgeSvg, teamBadge } from "../render/badge.ts";
import { route } from "../route.ts";

export const getTeamBadge = route("getTeamBadge", async ({ params }, { teams }) => {
  const facts = await teams.badgeFacts(params.owner);
  if (facts === undefined) throw fail("not_found", "There is no such badge.");
  return text("image/svg+xml; charset=utf-8", badgeSvg(teamBadge(facts.publicEndpoints)));
});
